//! Events, listed once each. Order and numbers are the format: they never change within a version.

use tapedeck_model::{Event, Instrument};

use super::{Cursor, Defect, Room, Wire, wire_enum};

impl Wire for Box<Instrument> {
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        self.as_ref().encode(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        Instrument::decode(from).map(Self::new)
    }
}

wire_enum! {
    Event: u16 {
        1 = RunStarted { format, seed, scenario_hash, base_currency },
        2 = CurrencyDeclared { currency, code },
        3 = InstrumentDeclared { instrument },
        4 = StrategyDeclared { strategy, id },
        5 = RuleDeclared { rule, name },
        6 = SourceDeclared { source, name },
        10 = SubmitIntended { client_order_id, request },
        11 = AmendIntended { client_order_id, amendment },
        12 = CancelIntended { client_order_id },
        13 = RiskChecked { client_order_id, rule, decision, value, limit },
        14 = Approved { client_order_id, order_qty },
        15 = Denied { client_order_id, reason, rule },
        20 = Submitted { client_order_id, request, currency, reserved },
        21 = AmendSubmitted { client_order_id, amendment },
        22 = CancelSubmitted { client_order_id },
        23 = Accepted { client_order_id, venue_order_id },
        24 = Rejected { client_order_id, reason },
        25 = Triggered { client_order_id },
        26 = Replaced { client_order_id, order_qty, kind },
        27 = AmendRejected { client_order_id, reason },
        28 = CancelRejected { client_order_id, reason },
        29 = Filled { instrument, deal, report, cum_qty, leaves_qty },
        30 = Canceled { client_order_id, reason, canceled_qty },
        31 = Expired { client_order_id, canceled_qty },
        32 = ReportRefused { client_order_id, anomaly },
        33 = Liquidated(report),
        34 = LiquidationShared(share),
        35 = Held { client_order_id, venue_order_id },
        36 = Activated { client_order_id, order_qty },
        37 = Resized { client_order_id, order_qty },
        38 = CancelAllSubmitted { strategy, instrument },
        40 = Posted { reason, lines },
        41 = PositionChanged(point),
        42 = FundingPaid { strategy, instrument, ts_event, rate, mark_px, net_qty, paid },
        43 = PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty },
        46 = Bankrupt(report),
        47 = MarginDeclared { instrument, terms },
        50 = Equity(point),
        51 = Signal { strategy, name, value },
        52 = Log { strategy, level, text },
        53 = TimerFired { strategy, timer },
        54 = Halted { rule, strategy, action, value, limit },
        55 = Resumed { rule },
        56 = MarketRefused { exception, quote },
        57 = DataIssues { source, issue, count },
        58 = SourceEnded { source, records, content_hash },
        60 = RunEnded { inputs, ambiguous_bars, warmup_denied },
        61 = IncidentBegan { name, kind, target, until },
        62 = IncidentEnded { name, missed },
        63 = CapitalMoved { before, after },
        64 = WithdrawalRefused { currency, amount, free },
        65 = FillsBlocked { instrument, count },
        70 = SidePositionChanged { position_side, point },
        71 = PositionModeDeclared { mode },
        75 = VenueDeclared { venue, name },
        76 = PostedAt { venue, reason, lines },
        77 = BankruptAt { venue, bankruptcy },
        78 = TransferSent(sent),
        79 = TransferArrived { transfer, venue, currency, amount },
        80 = HoldingSettled(report),
        81 = InterestCharged(report),
        82 = LoanLiquidated(report),
        83 = MarginCalled(report),
        84 = BorrowDeclared { currency, terms },
        85 = Redenominated { venue, report },
        90 = TransferRefused { strategy, from, to, currency, amount, free, reason },
        91 = PositionModeDeclaredAt { venue, mode },
    }
}
