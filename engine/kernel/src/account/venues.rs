//! The accounts of a run: one at each venue.
//!
//! Enters: events. Leaves: the account that an instrument is traded from, and sums over all. Invariants: an
//! order, a fill and a position belong to the account at their instrument's venue; money of one account
//! is never used for another. Deliberately absent: what accounts do, which is [`Account`]'s affair.
//!
//! A run with one venue has one account, and its events name no venue.

use tapedeck_model::event::{LedgerAccount, PostingLines, PostingReason};
use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{Amount, CurrencyIx, Event, Instrument, InstrumentIx, PositionSide, Qty, StrategyIx, VenueIx};

use super::{Account, AccountError, AccountKind, AccountSpec, overflow};

/// What the accounts of a run are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsSpec {
    /// Name of each venue, and the kind of its account; at least one.
    pub venues: Vec<(String, AccountKind)>,
    /// Number of strategies of the run.
    pub strategies: usize,
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
    /// Number of currencies of the run.
    pub currencies: usize,
}

impl AccountsSpec {
    /// The same for one account of a kind.
    pub const fn of(&self, kind: AccountKind) -> AccountSpec {
        let Self { strategies, base_currency, currencies, .. } = *self;
        AccountSpec { kind, strategies, base_currency, currencies }
    }
}

/// Every account of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    /// By venue; at least one.
    list: Vec<Account>,
    /// By instrument, where there are several.
    venue_of: Vec<VenueIx>,
    /// What has left one account and not arrived at another, by currency; nothing that is zero.
    under_way: Vec<(CurrencyIx, Amount)>,
}

/// Whom an event concerns.
enum Whose {
    Of(VenueIx),
    /// It names an order: whoever has it.
    Order,
}

impl Accounts {
    /// Accounts without money. With one venue every instrument is traded there, else an instrument's venue is
    /// that of its name.
    ///
    /// # Errors
    /// As [`Account::new`]; [`AccountError::Unknown`] without any venue, or for an instrument whose venue is
    /// none of them.
    pub fn new(spec: &AccountsSpec, instruments: &[Instrument]) -> Result<Self, AccountError> {
        let unknown = AccountError::Unknown { what: "a venue" };
        let venue = |one: &Instrument| spec.venues.iter().position(|(name, _)| *name == one.id.venue);
        let venue_of: Vec<VenueIx> = if spec.venues.len() > 1 {
            let found = instruments.iter().map(|one| venue(one).map(|ix| VenueIx(ix as u16)));
            found.collect::<Option<_>>().ok_or(unknown.clone())?
        } else {
            Vec::new()
        };
        let traded = |at: usize, one: &Instrument| venue_of.get(one.ix.usize()).is_none_or(|venue| venue.usize() == at);
        let open = |(at, (_, kind)): (usize, &(String, AccountKind))| {
            Account::trading(&spec.of(*kind), instruments, &|one| traded(at, one))
        };
        let list = spec.venues.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() { Err(unknown) } else { Ok(Self { list, venue_of, under_way: Vec::new() }) }
    }

    /// Whether the run has one account, whose events name no venue.
    #[inline]
    pub const fn is_one(&self) -> bool {
        self.list.len() == 1
    }

    /// The venue of an instrument; the first for one that the run does not have.
    #[inline]
    pub fn venue_of(&self, instrument: InstrumentIx) -> VenueIx {
        self.venue_of.get(instrument.usize()).copied().unwrap_or_default()
    }

    /// The account that an instrument is traded from; the first for one that the run does not have.
    ///
    /// # Panics
    /// Never: venues of instruments are looked up as the accounts are made.
    #[inline]
    pub fn of(&self, instrument: InstrumentIx) -> &Account {
        &self.list[self.venue_of(instrument).usize()]
    }

    /// The account at a venue, if the run has it.
    pub fn at(&self, venue: VenueIx) -> Option<&Account> {
        self.list.get(venue.usize())
    }

    /// The first account, which is the only one of a run with one venue.
    ///
    /// # Panics
    /// Never: there is at least one.
    pub fn first(&self) -> &Account {
        &self.list[0]
    }

    /// Every account, by venue.
    pub fn all(&self) -> &[Account] {
        &self.list
    }

    /// What is under way between accounts, by currency: part of equity, and of nothing else.
    pub fn under_way(&self) -> &[(CurrencyIx, Amount)] {
        &self.under_way
    }

    /// What all accounts have of a currency, and have set aside of it.
    pub fn balance(&self, currency: CurrencyIx) -> Balance {
        self.list.iter().map(|account| account.balance(currency)).fold(Balance::default(), |sum, balance| Balance {
            total: sum.total.checked_add(balance.total).unwrap_or(sum.total),
            reserved: sum.reserved.checked_add(balance.reserved).unwrap_or(sum.reserved),
        })
    }

    /// A strategy's own position.
    pub fn position(&self, strategy: StrategyIx, instrument: InstrumentIx) -> PositionView {
        self.of(instrument).position(strategy, instrument)
    }

    /// One of a strategy's positions: in hedge mode the one of a side, else the only one for `None`.
    pub fn held_of(&self, strategy: StrategyIx, instrument: InstrumentIx, side: Option<PositionSide>) -> PositionView {
        self.of(instrument).held_of(strategy, instrument, side)
    }

    /// The signed position in an instrument, over all strategies.
    pub fn net_qty(&self, instrument: InstrumentIx) -> Qty {
        self.of(instrument).net_qty(instrument)
    }

    /// Whether nothing is held whose worth depends on a price, and nothing else is under way.
    #[inline]
    pub fn is_flat(&self) -> bool {
        let base_currency = self.first().base_currency;
        self.list.iter().all(Account::is_flat) && self.under_way.iter().all(|(currency, _)| *currency == base_currency)
    }

    /// Changes the state by one event.
    ///
    /// # Errors
    /// As [`Account::apply`]; the state must not be used after an error.
    #[inline]
    pub fn apply(&mut self, event: &Event) -> Result<(), AccountError> {
        if let [only] = self.list.as_mut_slice() { only.apply(event) } else { self.apply_to_one(event) }
    }

    fn apply_to_one(&mut self, event: &Event) -> Result<(), AccountError> {
        match self.whose(event)? {
            Whose::Of(venue) => {
                let account = self.list.get_mut(venue.usize());
                account.ok_or(AccountError::Unknown { what: "a venue" })?.apply(event)?;
                if let Event::PostedAt { reason: PostingReason::Transfer, lines, .. } = event {
                    self.move_under_way(lines).ok_or(overflow("what is under way"))?;
                }
                Ok(())
            }
            Whose::Order => self.list.iter_mut().try_for_each(|account| account.apply(event)),
        }
    }

    /// `None` on overflow.
    fn move_under_way(&mut self, lines: &PostingLines) -> Option<()> {
        for line in lines.as_slice().iter().filter(|line| line.account == LedgerAccount::Transit) {
            let at = match self.under_way.binary_search_by_key(&line.currency, |(currency, _)| *currency) {
                Ok(at) => at,
                Err(at) => {
                    self.under_way.insert(at, (line.currency, Amount::ZERO));
                    at
                }
            };
            let sum = self.under_way[at].1.checked_add(line.amount)?;
            if sum == Amount::ZERO {
                self.under_way.remove(at);
            } else {
                self.under_way[at].1 = sum;
            }
        }
        Some(())
    }

    fn whose(&self, event: &Event) -> Result<Whose, AccountError> {
        let instrument = match event {
            Event::PostedAt { venue, .. }
            | Event::BankruptAt { venue, .. }
            | Event::Redenominated { venue, .. }
            | Event::PositionModeDeclaredAt { venue, .. } => return Ok(Whose::Of(*venue)),
            Event::Posted { .. } | Event::Bankrupt(_) | Event::PositionModeDeclared { .. } => {
                return Err(AccountError::Unknown { what: "no venue, of several" });
            }
            Event::PositionChanged(point) | Event::SidePositionChanged { point, .. } => point.instrument,
            Event::Submitted { request, .. } => request.instrument,
            Event::Liquidated(liquidation) => liquidation.instrument,
            Event::FundingPaid { instrument, .. }
            | Event::PositionSettled { instrument, .. }
            | Event::MarginDeclared { instrument, .. }
            | Event::Filled { instrument, .. } => *instrument,
            _ => return Ok(Whose::Order),
        };
        Ok(Whose::Of(self.venue_of(instrument)))
    }
}

impl Account {
    /// An account without money for the instruments that are `traded` from it.
    fn trading(
        spec: &AccountSpec,
        instruments: &[Instrument],
        traded: &dyn Fn(&Instrument) -> bool,
    ) -> Result<Self, AccountError> {
        Self::refuse_contracts(spec.kind, instruments.iter().filter(|one| traded(one)))?;
        Self::with_tables(spec, instruments)
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::{InstrumentId, InstrumentKind, Price, Ts};

    use super::*;

    const USD: CurrencyIx = CurrencyIx(1);

    fn instrument(ix: u16, venue: &str, kind: InstrumentKind) -> Instrument {
        let rules = tapedeck_model::DatedRules {
            from: Ts::MIN,
            tick_size: Price::from_raw(1),
            lot_size: Qty::from_raw(1),
            qty_min: Qty::from_raw(1),
            qty_max: Qty::from_raw(i64::MAX),
            notional_min: Amount::ZERO,
        };
        Instrument {
            ix: InstrumentIx(ix),
            id: InstrumentId { venue: venue.to_owned(), symbol: "BTCUSD".to_owned() },
            kind,
            base: CurrencyIx(0),
            quote: USD,
            settlement: USD,
            price_scale: 2,
            qty_scale: 4,
            multiplier: 1,
            multiplier_scale: 0,
            rules: vec![rules],
        }
    }

    fn spec(venues: &[(&str, AccountKind)]) -> AccountsSpec {
        let venues = venues.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        AccountsSpec { venues, strategies: 1, base_currency: USD, currencies: 2 }
    }

    fn deposit(text: &str) -> PostingLines {
        Account::deposit(USD, Amount::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn contracts_are_refused_where_the_account_holds_none_and_only_there() {
        let instruments = [instrument(0, "A", InstrumentKind::Linear), instrument(1, "B", InstrumentKind::Spot)];
        let good = spec(&[("A", AccountKind::Margin), ("B", AccountKind::Spot)]);
        let accounts = Accounts::new(&good, &instruments).unwrap();
        assert_eq!(accounts.of(InstrumentIx(0)).kind(), AccountKind::Margin);
        assert_eq!(accounts.of(InstrumentIx(1)).kind(), AccountKind::Spot);
        let bad = spec(&[("A", AccountKind::Spot), ("B", AccountKind::Margin)]);
        assert!(matches!(Accounts::new(&bad, &instruments), Err(AccountError::ContractOnSpot { .. })));
        let unknown = spec(&[("A", AccountKind::Margin), ("C", AccountKind::Spot)]);
        assert!(matches!(Accounts::new(&unknown, &instruments), Err(AccountError::Unknown { .. })));
        assert!(matches!(Accounts::new(&spec(&[]), &[]), Err(AccountError::Unknown { .. })));
    }

    #[test]
    fn money_goes_to_the_account_that_is_named() {
        let instruments = [instrument(0, "A", InstrumentKind::Spot), instrument(1, "B", InstrumentKind::Spot)];
        let mut accounts =
            Accounts::new(&spec(&[("A", AccountKind::Spot), ("B", AccountKind::Spot)]), &instruments).unwrap();
        let reason = PostingReason::Deposit;
        for (venue, text) in [(0, "5"), (1, "7"), (1, "1")] {
            accounts.apply(&Event::PostedAt { venue: VenueIx(venue), reason, lines: deposit(text) }).unwrap();
        }
        let total = |venue: u16| accounts.at(VenueIx(venue)).unwrap().balance(USD).total.to_string();
        assert_eq!((total(0), total(1)), ("5".to_owned(), "8".to_owned()));
        assert_eq!(accounts.balance(USD).total.to_string(), "13");
        // Without a venue, or with one that is not there, nobody can say whose it is.
        assert!(accounts.apply(&Event::Posted { reason, lines: deposit("1") }).is_err());
        assert!(accounts.apply(&Event::PostedAt { venue: VenueIx(2), reason, lines: deposit("1") }).is_err());
    }
}
