//! The names behind a run's indices.
//!
//! Enters: the declarations at the head of a journal. Leaves: text for people. Invariant: an index
//! that was never declared still has a text (`?3`), so a damaged or partial journal can be read.

use std::fmt::Write as _;

use tapedeck_model::margin::LiquidationShare;
use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, Deal, Event, Instrument, InstrumentIx, PositionMode, PositionSide, Price, Qty,
    RuleIx, SourceIx, StrategyIx, VenueIx,
};

/// Everything that a journal declares by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    currencies: Vec<String>,
    instruments: Vec<Instrument>,
    instrument_texts: Vec<String>,
    strategies: Vec<String>,
    rules: Vec<String>,
    sources: Vec<String>,
    /// Of a run that has several.
    venues: Vec<String>,
    /// Venues whose accounts are in hedge mode; of a run with one venue the first.
    hedged: Vec<VenueIx>,
}

/// A position: whose, in what, and in hedge mode which of the two.
pub type PositionKey = (StrategyIx, InstrumentIx, Option<PositionSide>);

fn put(list: &mut Vec<String>, ix: usize, text: String) {
    while list.len() <= ix {
        list.push(format!("?{}", list.len()));
    }
    list[ix] = text;
}

/// The most digits of a number of 32 bits.
pub const DIGITS_MAX: usize = 10;

/// A number as decimal digits.
pub fn digits(number: u32, buffer: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let (mut at, mut rest) = (buffer.len(), number);
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &buffer[at..];
        }
    }
}

impl Names {
    /// No names yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a declaration; other events are ignored. Returns whether it was one.
    pub fn apply(&mut self, event: &Event) -> bool {
        match event.number() {
            // Numbers of declarations, fixed by the journal format.
            2..=6 | 71 | 75 | 91 => self.declare(event),
            _ => return false,
        }
        true
    }

    fn declare(&mut self, event: &Event) {
        if let Event::CurrencyDeclared { currency, code } = event {
            put(&mut self.currencies, currency.usize(), code.clone());
        } else if let Event::InstrumentDeclared { instrument } = event {
            // Instruments come in the order of their indices; a gap would leave later ones unnamed.
            if instrument.ix.usize() == self.instruments.len() {
                put(&mut self.instrument_texts, instrument.ix.usize(), instrument.id.to_string());
                self.instruments.push((**instrument).clone());
            }
        } else if let Event::StrategyDeclared { strategy, id } = event {
            put(&mut self.strategies, strategy.usize(), id.clone());
        } else if let Event::RuleDeclared { rule, name } = event {
            put(&mut self.rules, rule.usize(), name.clone());
        } else if let Event::SourceDeclared { source, name } = event {
            put(&mut self.sources, source.usize(), name.clone());
        } else if let Event::VenueDeclared { venue, name } = event {
            put(&mut self.venues, venue.usize(), name.clone());
        } else if let Event::PositionModeDeclared { mode: PositionMode::Hedge }
        | Event::PositionModeDeclaredAt { mode: PositionMode::Hedge, .. } = event
        {
            self.hedged.push(event.venue().unwrap_or_default());
        }
    }

    fn is_hedged(&self, instrument: InstrumentIx) -> bool {
        self.instrument(instrument).is_some_and(|one| self.hedged.contains(&self.venue_of(one)))
    }

    /// Which of two positions in an instrument has such a quantity; `None` in one-way mode.
    pub fn side_of(&self, instrument: InstrumentIx, signed: Qty) -> Option<PositionSide> {
        if self.is_hedged(instrument) { PositionSide::of_qty(signed.raw()) } else { None }
    }

    /// What a liquidation traded.
    pub fn deal_of(&self, share: &LiquidationShare) -> Deal {
        let position_side = self.is_hedged(share.instrument).then(|| PositionSide::closed_by(share.side));
        Deal { side: share.side, position_side }
    }

    /// A currency's code.
    pub fn currency(&self, ix: CurrencyIx) -> &str {
        self.currencies.get(ix.usize()).map_or("?", String::as_str)
    }

    /// An instrument, if it was declared.
    pub fn instrument(&self, ix: InstrumentIx) -> Option<&Instrument> {
        self.instruments.get(ix.usize())
    }

    /// An instrument's name, `SYMBOL.VENUE`.
    pub fn instrument_text(&self, ix: InstrumentIx) -> &str {
        self.instrument_texts.get(ix.usize()).map_or("?", String::as_str)
    }

    /// A strategy's id.
    pub fn strategy(&self, ix: StrategyIx) -> &str {
        self.strategies.get(ix.usize()).map_or("?", String::as_str)
    }

    /// A risk rule's name.
    pub fn rule(&self, ix: RuleIx) -> &str {
        self.rules.get(ix.usize()).map_or("?", String::as_str)
    }

    /// A source's name.
    pub fn source(&self, ix: SourceIx) -> &str {
        self.sources.get(ix.usize()).map_or("?", String::as_str)
    }

    /// Names of the venues of a run that has several, by index; empty where there is one.
    pub fn venues(&self) -> &[String] {
        &self.venues
    }

    /// A venue's name; empty where the run has one, which is not declared.
    pub fn venue(&self, ix: VenueIx) -> &str {
        self.venues.get(ix.usize()).map_or(if self.venues.is_empty() { "" } else { "?" }, String::as_str)
    }

    /// In whose account an instrument is traded: the first venue's, where there is one.
    pub fn venue_of(&self, instrument: &Instrument) -> VenueIx {
        let at = self.venues.iter().position(|name| *name == instrument.id.venue);
        VenueIx(at.map_or(0, |at| at as u16))
    }

    /// A currency in the account at a venue, which is named where there are several.
    pub fn wallet(&self, venue: VenueIx, currency: CurrencyIx) -> String {
        let code = self.currency(currency);
        if self.venues.is_empty() { code.to_owned() } else { format!("{code} at {}", self.venue(venue)) }
    }

    /// Codes of all currencies, by index.
    pub fn currencies(&self) -> &[String] {
        &self.currencies
    }

    /// All instruments, by index.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Names of all instruments, by index.
    pub fn instrument_texts(&self) -> &[String] {
        &self.instrument_texts
    }

    /// Ids of all strategies, by index.
    pub fn strategies(&self) -> &[String] {
        &self.strategies
    }

    /// Names of all risk rules, by index.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// Names of all data sources, by index.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Writes an order's name, `sma-17`, without allocating.
    pub fn write_order(&self, id: ClientOrderId, into: &mut impl std::fmt::Write) {
        // Writing to a string or a string builder does not fail.
        let _ = into.write_str(self.strategy(id.strategy));
        let _ = into.write_char('-');
        let mut buffer = [0; DIGITS_MAX];
        let _ = into.write_str(std::str::from_utf8(digits(id.number, &mut buffer)).unwrap_or_default());
    }

    /// An order's name, `sma-17`.
    pub fn order(&self, id: ClientOrderId) -> String {
        let mut text = String::new();
        self.write_order(id, &mut text);
        text
    }

    /// The order of a name such as `sma-17`; a plain number is taken as the first strategy's if there is only one.
    pub fn parse_order(&self, text: &str) -> Option<ClientOrderId> {
        let (id, number) = match text.rsplit_once('-') {
            Some((id, number)) => (id, number),
            None if self.strategies.len() == 1 => (self.strategies.first()?.as_str(), text),
            None => return None,
        };
        let strategy = self.strategies.iter().position(|name| name == id)?;
        Some(ClientOrderId { strategy: StrategyIx(u16::try_from(strategy).ok()?), number: number.parse().ok()? })
    }

    /// A price of an instrument as text.
    pub fn px(&self, ix: InstrumentIx, px: Price) -> String {
        self.instrument(ix).map_or_else(|| format!("{}?", px.raw()), |i| px.display(i.price_scale))
    }

    /// A quantity of an instrument as text.
    pub fn qty(&self, ix: InstrumentIx, qty: Qty) -> String {
        self.instrument(ix).map_or_else(|| format!("{}?", qty.raw()), |i| qty.display(i.qty_scale))
    }

    /// An amount with its currency, as exact text.
    pub fn money(&self, amount: Amount, currency: CurrencyIx) -> String {
        let mut text = amount.to_string();
        let _ = write!(text, " {}", self.currency(currency));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_named_after_their_strategy() {
        let mut names = Names::new();
        names.apply(&Event::StrategyDeclared { strategy: StrategyIx(1), id: "sma-fast".to_owned() });
        let id = ClientOrderId { strategy: StrategyIx(1), number: 1_000_007 };
        assert_eq!(names.order(id), "sma-fast-1000007");
        assert_eq!(names.parse_order("sma-fast-1000007"), Some(id));
        assert_eq!(names.parse_order("nobody-1"), None);
        assert_eq!(names.parse_order("17"), None);
        assert_eq!(names.strategy(StrategyIx(0)), "?0");
        assert_eq!(names.strategy(StrategyIx(9)), "?");
    }
}
