//! A naive second opinion on money and positions.
//!
//! Enters: records in order. From the fills alone it recomputes positions, fees and cash by the
//! plainest rules there are; from the postings it sums the ledger. Leaves: every disagreement.
//! It shares no code with the account that made the postings.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_model::event::{LedgerAccount, PositionPoint, PostingLines, PostingReason};
use tapedeck_model::instrument::InstrumentKind;
use tapedeck_model::loan::{InterestReport, LoanLiquidation};
use tapedeck_model::margin::LiquidationShare;
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Event, FillReport, HoldingReport, Instrument, InstrumentIx, PositionSide, Price, Qty,
    Record, RedenominationReport, Side, VenueIx,
};

use crate::error::ReportError;
use crate::names::{Names, PositionKey};
use loan::LoanAudit;
use margin::MarginAudit;
use transfers::TransferAudit;

mod loan;
mod margin;
mod transfers;

/// Findings kept; more are only counted.
const FINDINGS_MAX: usize = 20;

/// One, in units of a rate of funding.
const RATE_ONE: i64 = 1_000_000_000_000;

/// A position as the fills make it: signed quantity and signed cost of its open part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    qty: i64,
    cost: Amount,
}

/// A currency in the account at a venue.
type Wallet = (VenueIx, CurrencyIx);

/// The auditor.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    names: Names,
    held: BTreeMap<PositionKey, Held>,
    /// Cash by the fills and deposits.
    cash_expected: BTreeMap<Wallet, Amount>,
    fees_expected: BTreeMap<Wallet, Amount>,
    funding_expected: BTreeMap<Wallet, Amount>,
    /// What the insurance fund got from us, less what it covered.
    insurance_expected: BTreeMap<Wallet, Amount>,
    margin: MarginAudit,
    loan: LoanAudit,
    interest_expected: BTreeMap<Wallet, Amount>,
    /// Instruments of which a spot account's holding was settled as a whole.
    settled_whole: BTreeSet<InstrumentIx>,
    transfers: TransferAudit,
    /// What left each account for another, less what arrived there.
    transit_expected: BTreeMap<Wallet, Amount>,
    ledger: BTreeMap<(LedgerAccount, Wallet), Amount>,
    /// A fill or funding whose posting has not come yet: then the sums may differ for a moment.
    posting_due: bool,
    findings: Vec<String>,
    findings_count: u64,
}

fn add<K: Ord>(sums: &mut BTreeMap<K, Amount>, key: K, amount: Amount) -> Option<()> {
    let sum = sums.entry(key).or_default();
    *sum = sum.checked_add(amount)?;
    Some(())
}

impl Audit {
    /// Nothing to object to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// [`ReportError::Overflow`] or [`ReportError::Unknown`].
    pub fn apply(&mut self, record: &Record) -> Result<(), ReportError> {
        let seq = record.header.seq;
        let overflow = ReportError::Overflow { seq, what: "a sum of the audit" };
        match &record.event {
            Event::Filled { instrument, deal, report, .. } => {
                let instrument = self
                    .names
                    .instrument(*instrument)
                    .cloned()
                    .ok_or(ReportError::Unknown { seq, what: "the instrument" })?;
                self.posting_due = true;
                self.fill(seq, &instrument, (*deal, report)).ok_or(overflow)
            }
            event @ (Event::Posted { reason, lines } | Event::PostedAt { reason, lines, .. }) => {
                self.post(seq, (event.venue().unwrap_or_default(), *reason), lines).ok_or(overflow)
            }
            Event::PositionChanged(point) => {
                self.compare_position(seq, None, point);
                Ok(())
            }
            Event::SidePositionChanged { position_side, point } => {
                self.compare_position(seq, Some(*position_side), point);
                Ok(())
            }
            Event::BorrowDeclared { currency, terms } => {
                self.loan.declare(*currency, terms);
                Ok(())
            }
            Event::InterestCharged(report) => self.interest(seq, report).ok_or(overflow),
            Event::LoanLiquidated(trade) => self.forced_trade(seq, trade).ok_or(overflow),
            Event::MarginDeclared { instrument, terms } => {
                self.margin.declare(*instrument, terms);
                Ok(())
            }
            Event::Liquidated(liquidation) => {
                let found = self.margin.liquidated(&self.names, &self.held, &self.cash_expected, liquidation);
                for text in found {
                    self.find(format!("record {seq}: {text}"));
                }
                Ok(())
            }
            Event::LiquidationShared(share) => self.share(seq, share).ok_or(overflow),
            event @ (Event::Bankrupt(bankruptcy) | Event::BankruptAt { bankruptcy, .. }) => {
                self.posting_due = true;
                let (wallet, covered) = ((event.venue().unwrap_or_default(), bankruptcy.currency), bankruptcy.covered);
                self.loan.is_forced = false;
                let sums = add(&mut self.cash_expected, wallet, covered)
                    .and_then(|()| self.loan.moved(bankruptcy.currency, covered).map(|_| ()))
                    .and_then(|()| add(&mut self.insurance_expected, wallet, covered.checked_neg()?));
                sums.ok_or(overflow)
            }
            Event::HoldingSettled(report) => self.holding(seq, report).ok_or(overflow),
            Event::Redenominated { venue, report } => self.redenominate(seq, *venue, report).ok_or(overflow),
            event @ (Event::PositionSettled { instrument, .. } | Event::FundingPaid { instrument, .. }) => {
                let instrument = self
                    .names
                    .instrument(*instrument)
                    .cloned()
                    .ok_or(ReportError::Unknown { seq, what: "the instrument" })?;
                self.posting_due = true;
                self.fund(seq, &instrument, event).and_then(|()| self.settle(seq, &instrument, event)).ok_or(overflow)
            }
            Event::TransferSent(_) | Event::TransferArrived { .. } => self.transfer(record).ok_or(overflow),
            other => {
                self.names.apply(other);
                Ok(())
            }
        }
    }

    /// What a transfer must do, by definition: what leaves is the fee and what is under way, and that arrives. `None`
    /// on overflow.
    fn transfer(&mut self, record: &Record) -> Option<()> {
        self.posting_due = true;
        let found = match &record.event {
            Event::TransferSent(sent) => {
                let (wallet, rest) = ((sent.from, sent.currency), sent.amount.checked_sub(sent.fee)?);
                add(&mut self.cash_expected, wallet, sent.amount.checked_neg()?)?;
                add(&mut self.fees_expected, wallet, sent.fee)?;
                add(&mut self.transit_expected, wallet, rest)?;
                let left = self.cash_expected.get(&wallet).copied().unwrap_or_default();
                self.transfers.sent(record.header.ts, sent, left)
            }
            Event::TransferArrived { transfer, venue, currency, amount } => {
                add(&mut self.cash_expected, (*venue, *currency), *amount)?;
                add(&mut self.transit_expected, (*venue, *currency), amount.checked_neg()?)?;
                self.transfers.arrived(record.header.ts, (*transfer, *venue, *currency, *amount))
            }
            _ => Vec::new(),
        };
        for text in found {
            self.find(format!("record {}: {text}", record.header.seq));
        }
        Some(())
    }

    /// What a fill must do, by definition. `None` on overflow.
    fn fill(&mut self, seq: u64, instrument: &Instrument, (deal, report): (Deal, &FillReport)) -> Option<()> {
        let venue = self.names.venue_of(instrument);
        let key = (report.client_order_id.strategy, instrument.ix, deal.position_side);
        let signed = report.last_qty.raw().checked_mul(deal.side.sign())?;
        let value = instrument.notional(report.last_px, Qty::from_raw(signed))?;
        let realized = self.move_held(key, instrument, report.last_px, signed)?;
        let held = self.held.get(&key).map_or(0, |held| held.qty);
        if let Some(side) = deal.position_side.filter(|side| held.signum() * side.opened_by().sign() < 0) {
            self.find(format!("record {seq}: more of a {side} position is closed than was held"));
        }
        match instrument.kind {
            InstrumentKind::Spot => {
                let base = instrument.base_amount(Qty::from_raw(signed))?;
                add(&mut self.cash_expected, (venue, instrument.base), base)?;
                add(&mut self.cash_expected, (venue, instrument.quote), value.checked_neg()?)?;
            }
            InstrumentKind::Linear | InstrumentKind::Inverse => {
                add(&mut self.cash_expected, (venue, instrument.settlement), realized)?;
            }
        }
        add(&mut self.cash_expected, (venue, report.fee_currency), report.fee.checked_neg()?)?;
        if self.loan.is_used() {
            let (base, quote) = (instrument.base_amount(Qty::from_raw(signed))?, value.checked_neg()?);
            let fee = (report.fee_currency, report.fee.checked_neg()?);
            let moves = [(instrument.base, base), (instrument.quote, quote), fee];
            self.loan.filled(report.trade_id, report.ts_event, &moves)?;
        }
        add(&mut self.fees_expected, (venue, report.fee_currency), report.fee)
    }

    /// Whether every instrument of the run is this one.
    fn is_alone(&self) -> bool {
        self.names.instrument(InstrumentIx(1)).is_none()
    }

    /// What interest must be, by definition: a twenty-fourth of the rate of what is borrowed. `None` on overflow.
    fn interest(&mut self, seq: u64, report: &InterestReport) -> Option<()> {
        self.posting_due = true;
        let alone = self.is_alone();
        for text in self.loan.charged(report, alone)? {
            self.find(format!("record {seq}: {text}"));
        }
        // An account that borrows is the only one of its run.
        let wallet = (VenueIx::default(), report.currency);
        add(&mut self.interest_expected, wallet, report.interest)?;
        add(&mut self.cash_expected, wallet, report.interest.checked_neg()?)
    }

    /// What a forced trade must do, by definition: an exchange at its price, and a fee for the fund. `None` on overflow
    /// or for an unknown instrument.
    fn forced_trade(&mut self, seq: u64, trade: &LoanLiquidation) -> Option<()> {
        self.posting_due = true;
        let instrument = self.names.instrument(trade.instrument).cloned()?;
        let value =
            trade.amount.mul_div(trade.last_px.raw(), 10_i64.checked_pow(u32::from(instrument.price_scale))?)?;
        let alone = self.is_alone();
        for text in self.loan.forced(trade, &instrument, value, alone)? {
            self.find(format!("record {seq}: {text}"));
        }
        let (given, got) = match trade.side {
            Side::Buy => (value.checked_neg()?, trade.amount),
            Side::Sell => (value, trade.amount.checked_neg()?),
        };
        let at = |currency| (self.names.venue_of(&instrument), currency);
        let (base, quote) = (at(instrument.base), at(instrument.quote));
        add(&mut self.cash_expected, base, got)?;
        add(&mut self.cash_expected, quote, given.checked_sub(trade.fee)?)?;
        add(&mut self.insurance_expected, quote, trade.fee)
    }

    /// What a settlement at expiry must do, by definition: all that is held is closed at its price. `None` on
    /// overflow.
    fn settle(&mut self, seq: u64, instrument: &Instrument, event: &Event) -> Option<()> {
        let Event::PositionSettled { strategy, settlement_px, net_qty, .. } = event else { return Some(()) };
        let key = (*strategy, instrument.ix, self.names.side_of(instrument.ix, *net_qty));
        let held = self.held.get(&key).copied().unwrap_or_default();
        if held.qty != net_qty.raw() {
            let held = self.names.qty(instrument.ix, Qty::from_raw(held.qty));
            let said = self.names.qty(instrument.ix, *net_qty);
            self.find(format!("record {seq}: {said} are settled, by the fills {held} are held"));
        }
        let realized = self.move_held(key, instrument, *settlement_px, net_qty.raw().checked_neg()?)?;
        if self.settled_whole.contains(&instrument.ix) {
            return Some(());
        }
        add(&mut self.cash_expected, (self.names.venue_of(instrument), instrument.settlement), realized)
    }

    /// What a delisting must do to a spot account, by definition: all that the fills left of the asset goes, for
    /// that much at the price. `None` on overflow or for an unknown instrument.
    fn holding(&mut self, seq: u64, report: &HoldingReport) -> Option<()> {
        self.posting_due = true;
        let instrument = self.names.instrument(report.instrument).cloned()?;
        let at = |currency| (self.names.venue_of(&instrument), currency);
        let (base, quote) = (at(instrument.base), at(instrument.quote));
        let held = self.cash_expected.get(&base).copied().unwrap_or_default();
        if held != report.holding {
            let code = self.names.currency(instrument.base);
            self.find(format!("record {seq}: {} {code} are settled, by the fills {held} are held", report.holding));
        }
        let px = report.settlement_px.map_or(0, Price::raw);
        let paid = held.mul_div(px, 10_i64.checked_pow(u32::from(instrument.price_scale))?)?;
        self.settled_whole.insert(instrument.ix);
        add(&mut self.cash_expected, base, held.checked_neg()?)?;
        add(&mut self.cash_expected, quote, paid)
    }

    /// What a change of units must do, by definition: every number of old units times the ratio, rounded toward zero, at
    /// the same cost. `None` on overflow.
    fn redenominate(&mut self, seq: u64, venue: VenueIx, report: &RedenominationReport) -> Option<()> {
        let (num, den) = (i128::from(report.ratio.num), i128::from(report.ratio.den));
        let names = &self.names;
        let concerned = |ix| names.instrument(ix).is_some_and(|i| i.base == report.asset && names.venue_of(i) == venue);
        for ((_, _, _), held) in self.held.iter_mut().filter(|((_, ix, _), _)| concerned(*ix)) {
            held.qty = i64::try_from((i128::from(held.qty) * num).checked_div(den)?).ok()?;
            if held.qty == 0 {
                held.cost = Amount::ZERO;
            }
        }
        let wallet = (venue, report.asset);
        let before = self.cash_expected.get(&wallet).copied().unwrap_or_default();
        let (whole, rest) = (before.raw().checked_div(den)?, before.raw().checked_rem(den)?);
        let after = Amount::from_raw(whole.checked_mul(num)?.checked_add(rest.checked_mul(num)?.checked_div(den)?)?);
        if let Some(said) = report.holding.filter(|said| *said != after) {
            let code = self.names.currency(report.asset);
            self.find(format!("record {seq}: {said} {code} are there in new units, by the fills it is {after}"));
        }
        self.posting_due = after != before;
        self.cash_expected.insert(wallet, after);
        Some(())
    }

    /// What funding must be, by definition: quantity x mark x multiplier x rate of what the strategy holds.
    /// Parts of one position are rounded so that their sum is right, each by one unit of 1e-24 at most.
    /// `None` on overflow.
    fn fund(&mut self, seq: u64, instrument: &Instrument, event: &Event) -> Option<()> {
        let Event::FundingPaid { strategy, rate, mark_px, net_qty, paid, .. } = event else { return Some(()) };
        let value = instrument.notional(*mark_px, *net_qty)?;
        let due = value.mul_div(*rate, RATE_ONE)?;
        if strategy.is_some() && due.checked_sub(*paid)?.checked_abs()? > Amount::from_raw(1) {
            self.find(format!("record {seq}: funding of {paid} is paid, by position, mark and rate it is {due}"));
        }
        let side = self.names.side_of(instrument.ix, *net_qty);
        let held = strategy.and_then(|strategy| self.held.get(&(strategy, instrument.ix, side)));
        if let Some(held) = held.filter(|held| held.qty != net_qty.raw()) {
            let held = self.names.qty(instrument.ix, Qty::from_raw(held.qty));
            let said = self.names.qty(instrument.ix, *net_qty);
            self.find(format!("record {seq}: funding is paid for {said}, by the fills {held} are held"));
        }
        let wallet = (self.names.venue_of(instrument), instrument.settlement);
        add(&mut self.funding_expected, wallet, *paid)?;
        add(&mut self.cash_expected, wallet, paid.checked_neg()?)
    }

    /// What a strategy's share of a liquidation must do: it closes at the trade's price, and its fee goes to
    /// the fund. `None` on overflow or for an unknown instrument.
    fn share(&mut self, seq: u64, share: &LiquidationShare) -> Option<()> {
        self.posting_due = true;
        let instrument = self.names.instrument(share.instrument).cloned()?;
        let signed = share.last_qty.raw().checked_mul(share.side.sign())?;
        let key = (share.strategy, share.instrument, self.names.deal_of(share).position_side);
        let before = self.held.get(&key).copied().unwrap_or_default();
        if before.qty.signum() * signed.signum() >= 0 || signed.abs() > before.qty.abs() {
            self.find(format!(
                "record {seq}: a liquidation takes more than {} holds",
                self.names.strategy(share.strategy)
            ));
        }
        let realized = self.move_held(key, &instrument, share.last_px, signed)?;
        if self.loan.is_forced {
            // Posted with the whole.
            return Some(());
        }
        let wallet = (self.names.venue_of(&instrument), instrument.settlement);
        add(&mut self.cash_expected, wallet, realized.checked_sub(share.fee)?)?;
        add(&mut self.insurance_expected, wallet, share.fee)?;
        if let Some(text) = self.margin.shared(share) {
            self.find(format!("record {seq}: {text}"));
        }
        Some(())
    }

    /// Average-price accounting; what the fill realised.
    fn move_held(&mut self, key: PositionKey, instrument: &Instrument, last_px: Price, signed: i64) -> Option<Amount> {
        let held = self.held.entry(key).or_default();
        let value = |qty: i64| instrument.notional(last_px, Qty::from_raw(qty));
        let mut realized = Amount::ZERO;
        let mut rest = signed;
        if held.qty.signum() * signed.signum() < 0 {
            let closed = if signed.abs() < held.qty.abs() { -signed } else { held.qty };
            let released = if closed == held.qty { held.cost } else { held.cost.mul_div(closed, held.qty)? };
            // A linear contract earns what it is worth more, an inverse one what it is worth less.
            realized = match instrument.kind {
                InstrumentKind::Spot | InstrumentKind::Linear => value(closed)?.checked_sub(released)?,
                InstrumentKind::Inverse => released.checked_sub(value(closed)?)?,
            };
            held.cost = held.cost.checked_sub(released)?;
            held.qty = held.qty.checked_sub(closed)?;
            rest = signed.checked_add(closed)?;
        }
        held.qty = held.qty.checked_add(rest)?;
        held.cost = held.cost.checked_add(value(rest)?)?;
        Some(realized)
    }

    fn post(&mut self, seq: u64, (venue, reason): (VenueIx, PostingReason), lines: &PostingLines) -> Option<()> {
        if !lines.balances() {
            self.find(format!("record {seq}: the posting does not balance"));
        }
        for line in lines.as_slice() {
            let wallet = (venue, line.currency);
            add(&mut self.ledger, (line.account, wallet), line.amount)?;
            let beside_trading = match reason {
                PostingReason::Deposit | PostingReason::Withdrawal | PostingReason::Airdrop => true,
                PostingReason::Fill
                | PostingReason::Funding
                | PostingReason::Settlement
                | PostingReason::Liquidation
                | PostingReason::Insurance
                | PostingReason::Transfer
                | PostingReason::Delisting
                | PostingReason::Redenomination
                | PostingReason::Interest => false,
            };
            if beside_trading && line.account == LedgerAccount::Cash {
                add(&mut self.cash_expected, wallet, line.amount)?;
                self.loan.moved(line.currency, line.amount)?;
            }
        }
        self.posting_due = false;
        self.compare_cash(seq);
        if reason == PostingReason::Transfer {
            self.compare_transit(seq)?;
        }
        Some(())
    }

    fn compare_cash(&mut self, seq: u64) {
        let mut found = Vec::new();
        for (what, account, expected) in [
            ("cash", LedgerAccount::Cash, &self.cash_expected),
            ("fees", LedgerAccount::Fees, &self.fees_expected),
            ("funding", LedgerAccount::Funding, &self.funding_expected),
            ("interest", LedgerAccount::Interest, &self.interest_expected),
            ("the insurance fund", LedgerAccount::InsuranceFund, &self.insurance_expected),
            ("transit", LedgerAccount::Transit, &self.transit_expected),
        ] {
            for (wallet, sum) in expected {
                let posted = self.ledger.get(&(account, *wallet)).copied().unwrap_or_default();
                if posted != *sum {
                    let code = self.names.wallet(wallet.0, wallet.1);
                    found.push(format!(
                        "record {seq}: {what} in {code} is posted as {posted}, by the fills it is {sum}"
                    ));
                }
            }
        }
        for text in found {
            self.find(text);
        }
    }

    /// Nothing appears and nothing is lost on the way: over all accounts what is in transit is what transfers that
    /// have not arrived carry. `None` on overflow.
    fn compare_transit(&mut self, seq: u64) -> Option<()> {
        let mut posted: BTreeMap<CurrencyIx, Amount> = BTreeMap::new();
        for ((account, (_, currency)), amount) in &self.ledger {
            if *account == LedgerAccount::Transit {
                add(&mut posted, *currency, *amount)?;
            }
        }
        for (currency, sum) in posted {
            let carried = self.transfers.under_way(currency)?;
            if sum != carried {
                let code = self.names.currency(currency);
                self.find(format!("record {seq}: {sum} {code} are in transit, transfers carry {carried}"));
            }
        }
        Some(())
    }

    fn compare_position(&mut self, seq: u64, side: Option<PositionSide>, point: &PositionPoint) {
        let held = self.held.get(&(point.strategy, point.instrument, side)).copied().unwrap_or_default();
        if held.qty != point.net_qty.raw() || held.cost != point.entry_cost {
            let (names, ix) = (&self.names, point.instrument);
            let text = format!(
                "record {seq}: {} is said to hold {} {} at cost {}, by the fills {} at cost {}",
                names.strategy(point.strategy),
                names.qty(ix, point.net_qty),
                names.instrument_text(ix),
                point.entry_cost,
                names.qty(ix, Qty::from_raw(held.qty)),
                held.cost,
            );
            self.find(text);
        }
    }

    fn find(&mut self, text: String) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(text);
        }
    }

    /// Cash by venue and currency as the fills and deposits make it.
    pub fn cash(&self) -> &BTreeMap<(VenueIx, CurrencyIx), Amount> {
        &self.cash_expected
    }

    /// Whether everything agrees so far.
    pub fn agrees(&self) -> bool {
        self.findings_count == 0
    }

    /// Every disagreement, as lines of text; empty if there is none.
    pub fn disagreements(&self) -> Vec<String> {
        let mut lines = self.findings.clone();
        let more = self.findings_count - lines.len() as u64;
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        if self.posting_due {
            lines.push("the last fill or funding has no posting".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::replay;
    use crate::fixture::{Journal, USD, amount, busy};
    use tapedeck_model::Side;

    type Never = std::convert::Infallible;

    fn lines_of(journal: &Journal) -> Vec<String> {
        let replay = replay(journal.records.iter().cloned().map(Ok::<_, Never>), None).unwrap();
        replay.audit.disagreements()
    }

    #[test]
    fn a_sound_journal_is_not_objected_to() {
        let mut journal = busy(3_000, 10);
        let sell = journal.order(Side::Sell, "0.5");
        journal.fill(sell, Side::Sell, ("0.3", "0.2"), ("40000.01", "1.1"));
        journal.fill(sell, Side::Sell, ("0.2", "0"), ("40000.02", "-0.2"));
        let buy = journal.order(Side::Buy, "0.7");
        journal.fill(buy, Side::Buy, ("0.7", "0"), ("39999.99", "1"));
        assert_eq!(lines_of(&journal), [""; 0]);
    }

    #[test]
    fn a_tampered_posting_is_found() {
        let mut journal = busy(100, 10);
        let nth = journal.records.iter().rposition(|r| matches!(r.event, Event::Posted { .. })).unwrap();
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, USD, amount("0.000000000000000000000001"));
        lines.push(LedgerAccount::Trading, USD, amount("-0.000000000000000000000001"));
        journal.records[nth].event = Event::Posted { reason: PostingReason::Fill, lines };
        let found = lines_of(&journal);
        assert!(found.iter().any(|line| line.contains("cash in USD")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("fees in USD")), "{found:?}");
    }

    #[test]
    fn a_tampered_position_is_found() {
        let mut journal = busy(100, 10);
        for record in &mut journal.records {
            if let Event::PositionChanged(point) = &mut record.event {
                point.net_qty = Qty::from_raw(point.net_qty.raw() + 1);
            }
        }
        assert!(lines_of(&journal)[0].contains("is said to hold 0.20001"));
    }
}
