//! Round trips: from flat to flat, per strategy and instrument, in hedge mode of each side.
//!
//! Enters: fills in order. Leaves: a [`RoundTrip`] each time a position returns to flat or
//! reverses. Profit is exact: what came in less what went out, so no average price is rounded on
//! the way. A fill that reverses closes one trip and opens the next; its fee is split by quantity,
//! the opening part getting what the closing part leaves.
//!
//! Invariant: memory holds open trips only.

#![allow(clippy::option_option, reason = "as in checked arithmetic, the outer `None` is an overflow")]

use std::collections::BTreeMap;

use tapedeck_model::number::{div_half_even, pow10};
use tapedeck_model::{
    Amount, CurrencyIx, Deal, FillReport, Instrument, InstrumentIx, InstrumentKind, Price, Qty, Ratio, Side,
    StrategyIx, Ts,
};

use crate::names::PositionKey;

/// Decimals of average prices and of every decimal column of the tables.
pub const DECIMALS: u8 = 18;

/// A position from flat to flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// Whose.
    pub strategy: StrategyIx,
    /// In what.
    pub instrument: InstrumentIx,
    /// In what profit and fees are counted: the instrument's quote.
    pub currency: CurrencyIx,
    /// The side that opened it.
    pub side: Side,
    /// Economic time of the first fill.
    pub entry_ts: Ts,
    /// Economic time of the last fill.
    pub exit_ts: Ts,
    /// Average price of the fills that opened or added, in units of 1e-18, half to even.
    pub entry_px_e18: i128,
    /// Average price of the fills that reduced or closed, in units of 1e-18, half to even.
    pub exit_px_e18: i128,
    /// Total quantity opened.
    pub qty: Qty,
    /// Largest quantity held at once.
    pub qty_max: Qty,
    /// Profit before fees.
    pub gross_pnl: Amount,
    /// Fees, those paid in the base asset valued at their fill's price; `None` if one was paid in a third currency.
    pub fees: Option<Amount>,
    /// Fills that took part.
    pub fills: u32,
}

impl RoundTrip {
    /// Profit after fees; `None` if the fees are not known in the same currency.
    pub fn net_pnl(&self) -> Option<Amount> {
        self.fees.and_then(|fees| self.gross_pnl.checked_sub(fees))
    }
}

/// One way of a trip: what was bought or sold, at what.
#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    qty: i64,
    /// Sum of `px * qty`, raw.
    px_qty: i128,
    value: Amount,
}

impl Leg {
    fn add(&mut self, instrument: &Instrument, px: Price, qty: i64) -> Option<()> {
        self.qty = self.qty.checked_add(qty)?;
        self.px_qty = self.px_qty.checked_add(i128::from(px.raw()) * i128::from(qty))?;
        self.value = self.value.checked_add(instrument.notional(px, Qty::from_raw(qty))?)?;
        Some(())
    }
}

impl Leg {
    /// The average price in units of 1e-18; of an inverse contract the harmonic one, from the value to 1e-18.
    fn average_px_e18(&self, instrument: &Instrument) -> Option<i128> {
        match instrument.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => {
                average_px_e18(self.px_qty, self.qty, instrument.price_scale)
            }
            InstrumentKind::Inverse => {
                let unit = pow10(Amount::SCALE - DECIMALS);
                let contracts = instrument.quote_value(Price::ZERO, Qty::from_raw(self.qty))?.raw() / unit;
                let value = self.value.raw() / unit;
                if value == 0 {
                    return None;
                }
                // In two steps of nine decimals each, so that nothing overflows below 1e11 units.
                let step = pow10(DECIMALS / 2);
                let (whole, rest) = (contracts / value, (contracts % value).checked_mul(step)?);
                let (upper, rest) = (rest / value, (rest % value).checked_mul(step)?);
                whole.checked_mul(step)?.checked_add(upper)?.checked_mul(step)?.checked_add(div_half_even(rest, value))
            }
        }
    }
}

/// `px_qty / qty` of raw integers, as a price in units of 1e-18, half to even; zero for no quantity.
pub fn average_px_e18(px_qty: i128, qty: i64, price_scale: u8) -> Option<i128> {
    if qty == 0 {
        return Some(0);
    }
    let up = pow10(DECIMALS - price_scale);
    let qty = i128::from(qty);
    // |rest| < 2^63 and up <= 1e18, so the product fits.
    let rest = div_half_even((px_qty % qty) * up, qty);
    (px_qty / qty).checked_mul(up)?.checked_add(rest)
}

/// A trip under way.
#[derive(Debug, Clone, Copy)]
struct OpenTrip {
    side: Side,
    entry_ts: Ts,
    held: i64,
    qty_max: i64,
    entry: Leg,
    exit: Leg,
    fees: Option<Amount>,
    fills: u32,
}

/// Trips under way, by position.
#[derive(Debug, Clone, Default)]
pub struct TripBook {
    open: BTreeMap<PositionKey, OpenTrip>,
}

/// The fee in the instrument's quote, if it can be said without a rate of exchange.
///
/// The outer `None` is an overflow, the inner one a fee in a third currency.
fn fee_in_quote(instrument: &Instrument, report: &FillReport) -> Option<Option<Amount>> {
    if report.fee == Amount::ZERO || report.fee_currency == instrument.value_currency() {
        return Some(Some(report.fee));
    }
    if report.fee_currency == instrument.base {
        let unit = i64::try_from(pow10(instrument.price_scale)).ok()?;
        return Some(Some(report.fee.mul_div(report.last_px.raw(), unit)?));
    }
    Some(None)
}

impl TripBook {
    /// No trips.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a fill; the trip that it closed, if it closed one. `None` on overflow.
    pub fn on_fill(&mut self, instrument: &Instrument, deal: Deal, report: &FillReport) -> Option<Option<RoundTrip>> {
        let Deal { side, position_side } = deal;
        let key = (report.client_order_id.strategy, instrument.ix, position_side);
        let fee = fee_in_quote(instrument, report)?;
        let qty = report.last_qty.raw();
        let Some(trip) = self.open.get_mut(&key) else {
            self.open.insert(key, OpenTrip::new(instrument, side, report, (qty, fee))?);
            return Some(None);
        };
        if trip.side == side {
            trip.add(instrument, report, fee)?;
            return Some(None);
        }
        let closing = qty.min(trip.held);
        let closing_fee = match fee {
            Some(fee) if closing < qty => Some(fee.mul_div(closing, qty)?),
            other => other,
        };
        trip.reduce(instrument, report, (closing, closing_fee))?;
        if trip.held > 0 {
            return Some(None);
        }
        let closed = trip.close(key, instrument, report.ts_event)?;
        self.open.remove(&key);
        if closing < qty {
            let rest = match (fee, closing_fee) {
                (Some(fee), Some(part)) => Some(fee.checked_sub(part)?),
                _ => None,
            };
            self.open.insert(key, OpenTrip::new(instrument, side, report, (qty - closing, rest))?);
        }
        Some(Some(closed))
    }

    /// Ends the trip of a position at the price at which that was settled. `None` on overflow.
    pub fn on_settlement(
        &mut self,
        instrument: &Instrument,
        key: PositionKey,
        (ts_event, px, net_qty): (Ts, Price, Qty),
    ) -> Option<Option<RoundTrip>> {
        let Some(mut trip) = self.open.remove(&key) else { return Some(None) };
        trip.exit.add(instrument, px, net_qty.raw().checked_abs()?)?;
        trip.held = 0;
        trip.close(key, instrument, ts_event).map(Some)
    }

    /// The units of an instrument change: open trips go on in new ones, at the same values. What is held is rounded
    /// toward zero, as the positions are. `None` on overflow.
    pub fn redenominate(&mut self, instrument: InstrumentIx, ratio: Ratio) -> Option<()> {
        let mut concerned = self.open.iter_mut().filter(|((_, ix, _), _)| *ix == instrument);
        concerned.try_for_each(|(_, trip)| trip.redenominate(ratio))
    }

    /// A position is flat without a fill: ends its trip if a change of units left nothing of it. `None` on overflow.
    pub fn on_flat(&mut self, instrument: &Instrument, key: PositionKey, ts_event: Ts) -> Option<Option<RoundTrip>> {
        if self.open.get(&key).is_none_or(|trip| trip.held != 0) {
            return Some(None);
        }
        let Some(trip) = self.open.remove(&key) else { return Some(None) };
        trip.close(key, instrument, ts_event).map(Some)
    }

    /// How many trips are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }
}

/// Sum of fees, known only if both are. The outer `None` is an overflow.
fn add_fees(a: Option<Amount>, b: Option<Amount>) -> Option<Option<Amount>> {
    match (a, b) {
        (Some(a), Some(b)) => a.checked_add(b).map(Some),
        _ => Some(None),
    }
}

impl OpenTrip {
    fn new(
        instrument: &Instrument,
        side: Side,
        report: &FillReport,
        (qty, fees): (i64, Option<Amount>),
    ) -> Option<Self> {
        let mut entry = Leg::default();
        entry.add(instrument, report.last_px, qty)?;
        let exit = Leg::default();
        Some(Self { side, entry_ts: report.ts_event, held: qty, qty_max: qty, entry, exit, fees, fills: 1 })
    }

    fn add(&mut self, instrument: &Instrument, report: &FillReport, fee: Option<Amount>) -> Option<()> {
        let qty = report.last_qty.raw();
        self.entry.add(instrument, report.last_px, qty)?;
        self.held = self.held.checked_add(qty)?;
        self.qty_max = self.qty_max.max(self.held);
        self.take_fee(fee)
    }

    fn reduce(
        &mut self,
        instrument: &Instrument,
        report: &FillReport,
        (qty, fee): (i64, Option<Amount>),
    ) -> Option<()> {
        self.exit.add(instrument, report.last_px, qty)?;
        self.held = self.held.checked_sub(qty)?;
        self.take_fee(fee)
    }

    /// Sums of price x quantity are the same in any units.
    fn redenominate(&mut self, ratio: Ratio) -> Option<()> {
        let qty = |old: i64| Some(ratio.qty(Qty::from_raw(old))?.0.raw());
        (self.held, self.exit.qty) = (qty(self.held)?, qty(self.exit.qty)?);
        self.entry.qty = self.exit.qty.checked_add(self.held)?;
        self.qty_max = qty(self.qty_max)?.max(self.held);
        Some(())
    }

    fn take_fee(&mut self, fee: Option<Amount>) -> Option<()> {
        self.fees = add_fees(self.fees, fee)?;
        self.fills = self.fills.checked_add(1)?;
        Some(())
    }

    fn close(&self, (strategy, ix, _): PositionKey, instrument: &Instrument, exit_ts: Ts) -> Option<RoundTrip> {
        assert!(self.entry.qty == self.exit.qty, "a trip ends when all that was opened is closed");
        let long = instrument.gain(self.entry.value, self.exit.value)?;
        Some(RoundTrip {
            strategy,
            instrument: ix,
            currency: instrument.value_currency(),
            side: self.side,
            entry_ts: self.entry_ts,
            exit_ts,
            entry_px_e18: self.entry.average_px_e18(instrument)?,
            exit_px_e18: self.exit.average_px_e18(instrument)?,
            qty: Qty::from_raw(self.entry.qty),
            qty_max: Qty::from_raw(self.qty_max),
            gross_pnl: match self.side {
                Side::Buy => long,
                Side::Sell => long.checked_neg()?,
            },
            fees: self.fees,
            fills: self.fills,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Journal, amount, instrument};
    use proptest::prelude::*;
    use tapedeck_model::Event;

    /// Trips of fills written as rows: side, quantity, price, fee in USD.
    fn trips(rows: &str) -> (Vec<RoundTrip>, usize) {
        let mut journal = Journal::new();
        for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            let side = if cells[0] == "buy" { Side::Buy } else { Side::Sell };
            journal.input(1);
            let id = journal.order(side, cells[1]);
            journal.fill(id, side, (cells[1], "0"), (cells[2], cells[3]));
        }
        let (mut book, mut closed) = (TripBook::new(), Vec::new());
        for record in &journal.records {
            if let Event::Filled { deal, report, .. } = &record.event {
                closed.extend(book.on_fill(&instrument(), *deal, report).unwrap());
            }
        }
        (closed, book.open_count())
    }

    fn row(trip: &RoundTrip) -> String {
        let px = |e18: i128| Amount::from_raw(e18 * 1_000_000).display_rounded(4);
        format!(
            "{} {} of {} at {} out {} gross {} fees {} net {} fills {}",
            trip.side,
            trip.qty.display(5),
            trip.qty_max.display(5),
            px(trip.entry_px_e18),
            px(trip.exit_px_e18),
            trip.gross_pnl,
            trip.fees.unwrap(),
            trip.net_pnl().unwrap(),
            trip.fills
        )
    }

    #[test]
    fn trips_by_hand() {
        for (rows, expected, open) in [
            ("buy 1 100 0.1\n sell 1 110 0.2", vec!["buy 1 of 1 at 100 out 110 gross 10 fees 0.3 net 9.7 fills 2"], 0),
            // Scaling in and out: 3 in at 102, out at 104; at most 2 held at once.
            (
                "buy 1 100 0\n buy 1 104 0\n sell 1 103 0\n buy 1 102 0\n sell 2 104.5 0",
                vec!["buy 3 of 2 at 102 out 104 gross 6 fees 0 net 6 fills 5"],
                0,
            ),
            // A reversal closes the long, opens a short, and splits its fee 1 : 2.
            (
                "buy 1 100 0.1\n sell 3 90 0.3\n buy 2 80 0.2",
                vec![
                    "buy 1 of 1 at 100 out 90 gross -10 fees 0.2 net -10.2 fills 2",
                    "sell 2 of 2 at 90 out 80 gross 20 fees 0.4 net 19.6 fills 2",
                ],
                0,
            ),
            ("sell 1 100 -0.1\n buy 0.5 90 0", vec![], 1),
        ] {
            let (closed, left) = trips(rows);
            assert_eq!(closed.iter().map(row).collect::<Vec<_>>(), expected, "{rows}");
            assert_eq!(left, open, "{rows}");
        }
    }

    #[test]
    fn averages_round_half_to_even() {
        for (px_qty, qty, expected) in [(1, 2, 5), (25, 10, 25), (1, 3, 3), (-1, 2, -5)] {
            let unit = if (px_qty, qty) == (1, 3) { 333_333_333_333_333_333 } else { expected * pow10(17) };
            assert_eq!(average_px_e18(px_qty, qty, 0), Some(unit));
        }
        assert_eq!(average_px_e18(5, 0, 2), Some(0));
    }

    proptest! {
        /// Whatever the fills, profit and fees of trips are what cash says once all is flat.
        #[test]
        fn trips_sum_to_cash(moves in prop::collection::vec((-50_i64..50, 1_i64..1_000, 0_i64..100), 1..40)) {
            let mut rows = String::new();
            let (mut held, mut cash) = (0, Amount::ZERO);
            let mut act = |qty: i64, px: i64, fee: i64| {
                if qty == 0 { return; }
                held += qty;
                let side = if qty > 0 { "buy" } else { "sell" };
                rows.extend([side, " ", &qty.abs().to_string(), " ", &px.to_string(), " 0.0", &format!("{fee:02}"), "\n"]);
                let moved = amount(&format!("{}.0", -qty * px)).checked_sub(amount(&format!("0.0{fee:02}"))).unwrap();
                cash = cash.checked_add(moved).unwrap();
            };
            for (qty, px, fee) in &moves { act(*qty, *px, *fee); }
            let rest: i64 = moves.iter().map(|(qty, _, _)| qty).sum();
            act(-rest, 500, 3);
            prop_assert_eq!(held, 0);
            let (closed, open) = trips(&rows);
            prop_assert_eq!(open, 0);
            let net = closed.iter().fold(Amount::ZERO, |sum, trip| sum.checked_add(trip.net_pnl().unwrap()).unwrap());
            prop_assert_eq!(net, cash);
        }
    }
}
