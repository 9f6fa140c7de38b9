//! Hedge mode on our own side: two positions earn together what one does, and each is an exposure.

use proptest::prelude::*;
use tapedeck_model::margin::{MARGIN_LEVERAGE_ONE, MarginMode, MarginTerms};

use super::*;
use crate::margin::Holding;

const LONG: PositionSide = PositionSide::Long;
const SHORT: PositionSide = PositionSide::Short;

fn contract(kind: InstrumentKind) -> Instrument {
    let one = instrument(0, kind, BTC, USD);
    match kind {
        InstrumentKind::Inverse => Instrument { settlement: BTC, multiplier: 100, ..one },
        InstrumentKind::Spot | InstrumentKind::Linear => one,
    }
}

fn hedged(kind: AccountKind, instrument: Instrument) -> Desk {
    let mut desk = Desk::new(kind, instrument, &[(USD, "1000000"), (BTC, "1000")]);
    desk.apply(Event::PositionModeDeclared { mode: PositionMode::Hedge });
    desk
}

impl Desk {
    fn deal(&mut self, deal: Deal, report: &FillReport) {
        let effects = self.account.effects_of_fill(ME, &self.instrument, deal, report).unwrap();
        self.apply(Event::Posted { reason: PostingReason::Fill, lines: effects.lines });
        self.apply(effects.position_changed());
        self.mark(report.last_px);
    }
}

fn of(side: Side, position_side: PositionSide) -> Deal {
    Deal { side, position_side: Some(position_side) }
}

#[test]
fn each_position_has_its_own_entry_and_profit() {
    let mut desk = hedged(netting(10), contract(InstrumentKind::Linear));
    let fee = (amount("1"), USD);
    desk.deal(of(Side::Buy, LONG), &report(1, px("100"), qty("3"), fee));
    desk.deal(of(Side::Sell, SHORT), &report(2, px("110"), qty("2"), fee));
    desk.deal(of(Side::Sell, LONG), &report(3, px("120"), qty("1"), fee));
    desk.deal(of(Side::Buy, SHORT), &report(4, px("105"), qty("0.5"), fee));
    let text = |side| {
        let held = desk.account.held_of(ME, IX, Some(side));
        format!("{} cost {} realised {}", held.net_qty.display(4), held.entry_cost, held.realized_pnl)
    };
    assert_eq!(text(LONG), "2 cost 200 realised 20");
    assert_eq!(text(SHORT), "-1.5 cost -165 realised 2.5");
    let both = desk.account.position(ME, IX);
    assert_eq!((both.net_qty, both.entry_cost, both.realized_pnl), (qty("0.5"), amount("35"), amount("22.5")));
    assert_eq!(desk.account.net_qty(IX), qty("0.5"));
    assert_eq!(desk.account.side_net_qty(IX, Some(SHORT)), qty("-1.5"));
    // 2 and 1.5 at 105; equity has the profit of both, less four fees.
    assert_eq!(desk.marks.exposure(&desk.account), Some(amount("367.5")));
    assert_eq!(desk.account.balance(USD).total, amount("1000018.5"));
    let more =
        desk.account.effects_of_fill(ME, &desk.instrument, of(Side::Buy, SHORT), &report(5, px("1"), qty("2"), fee));
    assert!(matches!(more, Err(AccountError::Overclosed { side: SHORT, .. })), "{more:?}");
}

/// Each pays on its own quantity; together what the net position pays.
#[test]
fn each_position_pays_funding() {
    let mut desk = hedged(netting(10), contract(InstrumentKind::Linear));
    for (net_qty, paid) in [("3", "0.3"), ("-2", "-0.2")] {
        let (net_qty, paid) = (qty(net_qty), amount(paid));
        let (rate, mark_px, ts_event) = (1_000_000_000, px("100"), Ts::from_nanos(0));
        desk.apply(Event::FundingPaid { strategy: Some(ME), instrument: IX, ts_event, rate, mark_px, net_qty, paid });
    }
    let paid = |side| desk.account.held_of(ME, IX, Some(side)).funding_paid;
    assert_eq!((paid(LONG), paid(SHORT)), (amount("0.3"), amount("-0.2")));
    assert_eq!(desk.account.position(ME, IX).funding_paid, amount("0.1"));
}

/// What opens a side reserves for all of it, though the net position becomes less; what closes one, nothing.
#[test]
fn only_what_closes_a_side_is_free() {
    let mut desk = hedged(netting(10), contract(InstrumentKind::Linear));
    desk.deal(of(Side::Buy, LONG), &report(1, px("100"), qty("5"), (Amount::ZERO, USD)));
    let reserve = |side, of| desk.reserve(&OrderRequest::limit(IX, side, qty("2"), px("100")).of(of), None);
    assert_eq!(reserve(Side::Sell, SHORT).map(|reserve| reserve.amount), Ok(amount("20")));
    assert_eq!(reserve(Side::Buy, LONG).map(|reserve| reserve.amount), Ok(amount("20")));
    assert_eq!(reserve(Side::Sell, LONG).map(|reserve| reserve.amount), Ok(Amount::ZERO));
}

/// 5 long and 5 short at 100 on leverage 10 need 50 each, though they are worth nothing together.
#[test]
fn the_margin_of_both_sides_counts() {
    let mut desk = hedged(AccountKind::Margin, contract(InstrumentKind::Linear));
    let rate = 50_000_000_000;
    let terms = MarginTerms::flat(MarginMode::Cross, 10 * MARGIN_LEVERAGE_ONE, rate).unwrap();
    desk.apply(Event::MarginDeclared { instrument: IX, terms: Box::new(terms) });
    for (number, side, of) in [(1, Side::Buy, LONG), (2, Side::Sell, SHORT)] {
        let request = OrderRequest::market(IX, side, qty("5")).of(of);
        desk.submit(number, request).unwrap();
        let report = report(number, px("100"), qty("5"), (Amount::ZERO, USD));
        let (cum_qty, leaves_qty) = (qty("5"), Qty::ZERO);
        desk.apply(Event::Filled { instrument: IX, deal: request.deal(), report, cum_qty, leaves_qty });
        desk.deal(request.deal(), &report);
    }
    let book = desk.account.margin().unwrap();
    let value = |ix, qty| desk.marks.value_of(ix, qty);
    assert_eq!(book.free(USD, Ts::MIN, &value), Some(amount("999900")));
    for side in [LONG, SHORT] {
        let holding = Holding { instrument: IX, side: Some(side) };
        assert_eq!(book.maintenance(holding, Ts::MIN, &value), Some(amount("25")));
    }
    assert_eq!(book.net_qty(IX), Qty::ZERO);
    assert!(book.is_held(IX));
}

proptest! {
    /// However fills are split over the two positions, money and open profit together are what one position
    /// has by the same fills and fees: exactly, or of an inverse contract but for the rounding of quotients.
    #[test]
    fn two_positions_earn_what_one_does(
        moves in prop::collection::vec((any::<bool>(), any::<bool>(), 1_i64..50_000, 100_i64..100_000, -50_i64..100), 1..60),
        inverse in any::<bool>(), on_margin in any::<bool>(), last in 100_i64..100_000,
    ) {
        let kind = if inverse { InstrumentKind::Inverse } else { InstrumentKind::Linear };
        let account = if on_margin { AccountKind::Margin } else { netting(1000) };
        let mut two = hedged(account, contract(kind));
        let mut one = Desk::new(account, contract(kind), &[(USD, "1000000"), (BTC, "1000")]);
        let paid_in = one.instrument.settlement;
        for (number, (buys, long, wanted, last_px, fee)) in (1..).zip(moves) {
            let deal = of(if buys { Side::Buy } else { Side::Sell }, if long { LONG } else { SHORT });
            let closes = deal.position_side.is_some_and(|side| side.is_closed_by(deal.side));
            let held = two.account.held_of(ME, IX, deal.position_side).net_qty.raw().abs();
            let last_qty = Qty::from_raw(if closes { wanted.min(held) } else { wanted });
            if last_qty == Qty::ZERO {
                continue;
            }
            let report = report(number, Price::from_raw(last_px), last_qty, (Amount::from_raw(i128::from(fee)), paid_in));
            two.deal(deal, &report);
            one.fill(deal.side, &report);
            let (long, short) =
                (two.account.held_of(ME, IX, Some(LONG)).net_qty, two.account.held_of(ME, IX, Some(SHORT)).net_qty);
            prop_assert!(long >= Qty::ZERO && short <= Qty::ZERO);
            prop_assert_eq!(two.account.net_qty(IX), one.account.net_qty(IX));
        }
        two.mark(Price::from_raw(last));
        one.mark(Price::from_raw(last));
        let (found, expected) = (two.marks.equity(&two.account).unwrap(), one.marks.equity(&one.account).unwrap());
        // A quotient per fill, each off by half a unit at most, valued at the last price.
        let off = (found.raw() - expected.raw()).abs();
        prop_assert!(off <= if inverse { 200 * i128::from(last) / 100 + 200 } else { 0 }, "{found} and {expected}");
    }
}
