//! The words of margin: terms, liquidations, losses beyond the wallet.

use tapedeck_model::margin::{
    Bankruptcy, Bracket, DatedBrackets, Liquidation, LiquidationShare, LiquidationStage, MaintenanceBasis, MarginMode,
    MarginTerms,
};

use super::values::wire_numbered;
use super::{Cursor, Defect, Room, Wire, wire_struct};

wire_numbered! { LiquidationStage MaintenanceBasis MarginMode }

wire_struct! {
    Bracket[64] { floor, cap, rate, cum, leverage_max }
    DatedBrackets { from, brackets }
    MarginTerms: validate { mode, leverage, basis, tables }
    Liquidation[101] {
        instrument, trade_id, mode, stage, side, mark_px, last_px, last_qty, net_qty, margin_balance, maintenance, fee,
        ts_event,
    }
    LiquidationShare[37] { strategy, instrument, side, last_px, last_qty, fee }
    Bankruptcy { currency, instrument, covered, ts_event }
}

/// Lists: number of members (u32), then the members. They grow as members are found: a count that the
/// bytes do not bear out allocates nothing.
macro_rules! wire_list {
    ($($name:ident)*) => {$(
        impl Wire for Vec<$name> {
            fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
                let out = $crate::codec::length(self.len()).encode(out);
                self.iter().fold(out, |out, member| member.encode(out))
            }

            fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
                let count = u32::decode(from)?;
                let mut all = Self::new();
                for _ in 0..count {
                    all.push($name::decode(from)?);
                }
                Ok(all)
            }
        }
    )*};
}

pub(super) use wire_list;

wire_list! { Bracket DatedBrackets }

impl Wire for Box<MarginTerms> {
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        self.as_ref().encode(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        MarginTerms::decode(from).map(Self::new)
    }
}
