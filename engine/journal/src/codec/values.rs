//! The model's values, listed once each. Order and numbers are the format: they never change
//! within a version.

use tapedeck_model::event::{
    Anomaly, DataIssue, DenyReason, EquityPoint, HaltAction, IncidentKind, LedgerAccount, LogLevel, MarketException,
    POSTING_LINES_MAX, PositionPoint, PostingLine, PostingLines, PostingReason, RiskDecision, TransferRefusal,
    TransferSent,
};
use tapedeck_model::order::{CancelReason, Evidence, FillBasis, RejectReason};
use tapedeck_model::{
    Amendment, Amount, Bar, ClientOrderId, CurrencyIx, DatedRules, Deal, DepthFlags, DepthTick, Display, FillReport,
    FundingReport, FundingTick, GroupKind, GroupLeg, HoldingReport, Instrument, InstrumentId, InstrumentIx,
    InstrumentKind, Intent, Liquidity, MarkTick, MarketRecord, MboAction, MboTick, OrderKind, OrderRequest,
    PositionMode, PositionSide, Price, Qty, QuoteTick, Ratio, RecordRef, RedenominationReport, RuleIx,
    SettlementReport, Side, SourceIx, Span, StrategyIx, Terms, TimeInForce, TradeId, TradeTick, Trail, TriggerBy, Ts,
    VenueIx, VenueOrderId, VenueReport,
};

use super::{Cursor, Defect, Room, Wire, length, wire_enum, wire_struct};

/// Newtypes around a public field.
macro_rules! wire_id {
    ($($name:ident)*) => {$(
        impl Wire for $name {
            const LEN: usize = size_of::<Self>();

            #[inline]
            fn write(&self, at: &mut [u8]) {
                self.0.write(at);
            }

            #[inline]
            fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
                self.0.encode(out)
            }

            #[inline]
            fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
                Wire::decode(from).map(Self)
            }
        }
    )*};
}

/// Newtypes around a private integer, with the names of their two conversions.
macro_rules! wire_raw {
    ($($name:ident: $make:ident, $get:ident;)*) => {$(
        impl Wire for $name {
            const LEN: usize = size_of::<Self>();

            #[inline]
            fn write(&self, at: &mut [u8]) {
                self.$get().write(at);
            }

            #[inline]
            fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
                self.$get().encode(out)
            }

            #[inline]
            fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
                Wire::decode(from).map(Self::$make)
            }
        }
    )*};
}

/// What is nothing but a number: enums without data, and the like.
macro_rules! wire_numbered {
    ($($name:ident)*) => {$(
        impl Wire for $name {
            const LEN: usize = u8::LEN;

            #[inline]
            fn write(&self, at: &mut [u8]) {
                self.number().write(at);
            }

            #[inline]
            fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
                self.number().encode(out)
            }

            #[inline]
            fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
                let number = u8::decode(from)?;
                let what = stringify!($name);
                Self::from_number(number).ok_or(Defect::UnknownNumber { what, number: u16::from(number) })
            }
        }
    )*};
}

pub(super) use wire_numbered;

wire_numbered! { Deal }

wire_id! { InstrumentIx CurrencyIx StrategyIx SourceIx RuleIx VenueIx VenueOrderId TradeId }

impl Wire for DepthFlags {
    const LEN: usize = u8::LEN;

    #[inline]
    fn write(&self, at: &mut [u8]) {
        self.bits().write(at);
    }

    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        self.bits().encode(out)
    }

    #[inline]
    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let number = u8::decode(from)?;
        let what = "DepthFlags";
        Self::from_bits(number).ok_or(Defect::UnknownNumber { what, number: u16::from(number) })
    }
}

wire_raw! {
    Ts: from_nanos, nanos;
    Span: from_nanos, nanos;
    Price: from_raw, raw;
    Qty: from_raw, raw;
    Amount: from_raw, raw;
}

wire_numbered! {
    Anomaly CancelReason DataIssue DenyReason FillBasis HaltAction IncidentKind InstrumentKind LedgerAccount Liquidity
    LogLevel GroupKind MarketException MboAction PositionMode PositionSide PostingReason RejectReason RiskDecision Side
    TransferRefusal TriggerBy
}

wire_struct! {
    ClientOrderId[6] { strategy, number }
    RecordRef[10] { source, number }
    OrderRequest { instrument, side, kind, order_qty, time_in_force, post_only, reduce_only, terms }
    Display[10] { qty, variance_bps }
    GroupLeg[6] { kind, leg, first }
    Amendment { order_qty, limit_px, trigger_px }
    Evidence[67] { record, basis, reference_px, slippage_px, impact_px, noise_px, available_qty, queue_entry_qty, queue_ahead_qty }
    FillReport[124] {
        client_order_id, trade_id, last_px, last_qty, liquidity, fee, fee_currency, ts_event, evidence,
    }
    FundingReport { instrument, strategy, ts_event, rate, mark_px, net_qty, paid }
    SettlementReport { instrument, strategy, ts_event, settlement_px }
    HoldingReport { instrument, ts_event, settlement_px, holding }
    Ratio { num, den }
    RedenominationReport { asset, ts_event, ratio, holding, positions }
    PostingLine[19] { account, currency, amount }
    TransferSent { transfer, strategy, from, to, currency, amount, fee, arrives }
    EquityPoint[80] { ts_event, equity, high, low, exposure, max_drawdown }
    PositionPoint[44] { strategy, instrument, net_qty, entry_cost, realized_pnl }
    Bar[66] { instrument, ts_event, ts_recv, interval, open, high, low, close, volume }
    TradeTick { instrument, ts_event, ts_recv, px, qty, aggressor }
    DepthTick { instrument, ts_event, ts_recv, side, px, qty, flags }
    MarkTick { instrument, ts_event, ts_recv, mark_px, index_px }
    FundingTick { instrument, ts_event, ts_recv, rate, interval, mark_px }
    MboTick { instrument, ts_event, ts_recv, action, side, px, qty, order_id, flags }
    QuoteTick[50] { instrument, ts_event, ts_recv, bid_px, ask_px, bid_qty, ask_qty }
    InstrumentId { venue, symbol }
    DatedRules[56] { from, tick_size, lot_size, qty_min, qty_max, notional_min }
    Instrument: validate {
        ix, id, kind, base, quote, settlement, price_scale, qty_scale, multiplier, multiplier_scale, rules,
    }
}

wire_enum! {
    OrderKind: u8 {
        1 = Market,
        2 = Limit { limit_px },
        3 = Stop { trigger_px },
        4 = StopLimit { trigger_px, limit_px },
        20 = Touch { trigger_px },
        21 = TouchLimit { trigger_px, limit_px },
        22 = Trailing { trail },
    }
    Trail: u8 {
        1 = Px(distance),
        2 = Bps(bps),
    }
    TimeInForce: u8 {
        1 = Gtc,
        2 = Ioc,
        3 = Fok,
        4 = Gtd(until),
        5 = Day,
    }
    Intent: u8 {
        1 = Submit { client_order_id, request },
        2 = Amend { client_order_id, amendment },
        3 = Cancel { client_order_id },
        20 = CancelAll { strategy, instrument },
    }
    VenueReport: u8 {
        1 = Accepted { client_order_id, venue_order_id },
        2 = Rejected { client_order_id, reason },
        3 = Triggered { client_order_id },
        4 = Replaced { client_order_id, order_qty, kind },
        5 = AmendRejected { client_order_id, reason },
        6 = CancelRejected { client_order_id, reason },
        7 = Filled(report),
        8 = Canceled { client_order_id, reason },
        9 = Expired { client_order_id },
        20 = Held { client_order_id, venue_order_id },
        21 = Activated { client_order_id, order_qty },
        22 = Resized { client_order_id, order_qty },
        30 = Funding(funding),
        31 = Settled(settled),
        40 = Liquidated(report),
        41 = Bankrupt(report),
        80 = HoldingSettled(report),
        81 = Interest(report),
        82 = LoanLiquidated(report),
        83 = MarginCalled(report),
    }
    MarketRecord: u8 {
        1 = Bar(bar),
        2 = Trade(trade),
        3 = Quote(quote),
        4 = Depth(row),
        5 = Mark(mark),
        6 = Funding(funding),
        60 = Mbo(row),
    }
}

impl Wire for Terms {
    /// Whether it is repriced (1) and its position side (2 long, 4 short) are one byte, a sum.
    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        let Self { trigger_by, activation_px, display, reprice, position_side, group } = self;
        let flags = u8::from(*reprice) + position_side.map_or(0, |side| 2 * side.number());
        let out = display.encode(activation_px.encode(trigger_by.encode(out)));
        group.encode(flags.encode(out))
    }

    #[inline]
    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let (trigger_by, activation_px, display) = (Wire::decode(from)?, Wire::decode(from)?, Wire::decode(from)?);
        let flags = u8::decode(from)?;
        let position_side = match flags / 2 {
            0 => None,
            side => {
                let unknown = Defect::UnknownNumber { what: "Terms", number: u16::from(flags) };
                Some(PositionSide::from_number(side).ok_or(unknown)?)
            }
        };
        let reprice = flags % 2 == 1;
        Ok(Self { trigger_by, activation_px, display, reprice, position_side, group: Wire::decode(from)? })
    }
}

impl Wire for PostingLines {
    /// Number of lines (u8), then the lines.
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        let lines = self.as_slice();
        let out = (lines.len() as u8).encode(out);
        out.put(lines.len() * PostingLine::LEN, |at| {
            for (line, at) in lines.iter().zip(at.chunks_exact_mut(PostingLine::LEN)) {
                line.write(at);
            }
        })
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let found = u8::decode(from)?;
        if usize::from(found) > POSTING_LINES_MAX {
            return Err(Defect::PostingLines { found, max: POSTING_LINES_MAX as u8 });
        }
        let mut lines = Self::new();
        for _ in 0..found {
            let PostingLine { account, currency, amount } = PostingLine::decode(from)?;
            lines.push(account, currency, amount);
        }
        Ok(lines)
    }
}

impl Wire for Vec<DatedRules> {
    /// Number of rules (u32), then the rules.
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        let out = length(self.len()).encode(out);
        self.iter().fold(out, |out, rules| rules.encode(out))
    }

    /// Grows as rules are found: a count that the bytes do not bear out allocates nothing.
    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let count = u32::decode(from)?;
        let mut all = Self::new();
        for _ in 0..count {
            all.push(DatedRules::decode(from)?);
        }
        Ok(all)
    }
}
