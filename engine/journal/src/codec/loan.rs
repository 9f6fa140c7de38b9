//! The words of borrowing: rates, interest, margin calls, trades that pay a debt.

use tapedeck_model::loan::{BorrowTerms, DatedRate, InterestReport, LoanLiquidation, LoanStanding, MarginCall};

use super::margin::wire_list;
use super::{Cursor, Defect, Room, Wire, wire_struct};

wire_struct! {
    DatedRate[16] { from, daily_rate }
    BorrowTerms: validate { rates }
    InterestReport[50] { currency, ts_event, borrowed, daily_rate, interest }
    LoanStanding[32] { assets, debt }
    MarginCall { ts_event, standing }
    LoanLiquidation { instrument, trade_id, side, mark_px, last_px, amount, whole, fee, standing, ts_event }
}

wire_list! { DatedRate }

impl Wire for Box<BorrowTerms> {
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        self.as_ref().encode(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        BorrowTerms::decode(from).map(Self::new)
    }
}
