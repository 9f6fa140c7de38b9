//! Everything about a run that metrics and the page need, gathered in one pass in bounded memory.
//!
//! Enters: records in order. Leaves: [`RunFacts`]. Memory grows with the number of strategies,
//! instruments and open positions, never with the number of events.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_model::event::{EquityPoint, LedgerAccount, PositionPoint, PostingLines, PostingReason, TransferSent};
use tapedeck_model::margin::LiquidationShare;
use tapedeck_model::order::{Evidence, FillBasis};
use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, Deal, Event, FillReport, Instrument, InstrumentIx, Liquidity, PositionSide,
    Price, Qty, Record, RecordRef, Side, Span, TradeId, Ts, VenueIx,
};

use crate::error::ReportError;
use crate::names::{Names, PositionKey};
use crate::returns::ReturnSampler;
use crate::series::{Series, Thinned};
use crate::trips::{RoundTrip, TripBook};

/// Buckets of the equity and drawdown charts.
const CHART_BUCKETS: usize = 1_000;
/// Marks of fills on all price charts together.
const MARKS_MAX: usize = 3_000;
/// Round trips shown from the start and from the end.
pub const TRIPS_SHOWN: usize = 100;

/// How often things happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records of the journal.
    pub events: u64,
    /// Inputs taken, as the last record says.
    pub inputs: u64,
    /// Orders that strategies wanted.
    pub intents: u64,
    /// Orders sent to a venue.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Fills that gave liquidity.
    pub maker_fills: u64,
    /// Intents that our own side refused.
    pub denied: u64,
    /// Orders that the venue refused.
    pub rejected: u64,
    /// Orders canceled.
    pub canceled: u64,
    /// Orders expired.
    pub expired: u64,
    /// Bars whose outcome depended on the assumed path.
    pub ambiguous_bars: u64,
    /// Fills at the price of a bar's path at which an order arrived inside the bar.
    pub arrival_fills: u64,
    /// Orders denied because the run was warming up.
    pub warmup_denied: u64,
    /// Defects of data that were dealt with.
    pub data_issues: u64,
    /// Stages of liquidations.
    pub liquidations: u64,
    /// Margin calls of an account that borrows.
    pub margin_calls: u64,
    /// Losses beyond a wallet that the insurance fund covered.
    pub bankruptcies: u64,
    /// How often orders were kept from what was shown because of its age.
    pub blocked: u64,
    /// Transfers between venues that left.
    pub transfers: u64,
    /// Transfers that did not leave.
    pub transfers_refused: u64,
    /// Incidents that began.
    pub incidents: u64,
    /// Market records that did not reach us because of incidents that are over.
    pub missed: u64,
}

/// A fill as a mark on a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillMark {
    /// In what.
    pub instrument: InstrumentIx,
    /// Economic time.
    pub ts: Ts,
    /// Buy or sell.
    pub side: Side,
    /// Price.
    pub px: Price,
}

/// Round trips summed up. Sums are in `currency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TripStats {
    /// Trips closed.
    pub count: u64,
    /// Trips whose profit after fees is above zero.
    pub wins: u64,
    /// Trips whose profit after fees is below zero.
    pub losses: u64,
    /// The one currency of all trips so far; `None` before the first.
    pub currency: Option<CurrencyIx>,
    /// Whether trips had several currencies, or a fee in a third one, or a sum left the range of an
    /// amount: then sums mean nothing.
    pub mixed: bool,
    /// Sum of profits above zero.
    pub won: Amount,
    /// Sum of profits below zero, as a negative amount.
    pub lost: Amount,
    /// Longest trip.
    pub duration_max: Span,
    /// Sum of the lengths of all trips, in nanoseconds.
    pub duration_sum_ns: i128,
}

impl TripStats {
    /// Takes in a trip; `None` on overflow.
    pub fn push(&mut self, trip: &RoundTrip) -> Option<()> {
        self.count += 1;
        let duration = trip.exit_ts.saturating_since(trip.entry_ts);
        self.duration_max = self.duration_max.max(duration);
        self.duration_sum_ns = self.duration_sum_ns.checked_add(i128::from(duration.nanos()))?;
        self.mixed |= *self.currency.get_or_insert(trip.currency) != trip.currency;
        match trip.net_pnl() {
            Some(net) => self.push_pnl(net),
            None => {
                self.mixed = true;
                Some(())
            }
        }
    }

    /// Takes in a profit after fees; `None` on overflow.
    pub fn push_pnl(&mut self, net: Amount) -> Option<()> {
        if net > Amount::ZERO {
            self.wins += 1;
            self.won = self.won.checked_add(net)?;
        } else if net < Amount::ZERO {
            self.losses += 1;
            self.lost = self.lost.checked_add(net)?;
        }
        Some(())
    }
}

/// The first and the last trips of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TripsShown {
    /// The first ones.
    pub first: Vec<RoundTrip>,
    /// The last ones that are not among the first.
    pub last: VecDeque<RoundTrip>,
}

impl TripsShown {
    fn push(&mut self, trip: RoundTrip) {
        if self.first.len() < TRIPS_SHOWN {
            self.first.push(trip);
            return;
        }
        if self.last.len() == TRIPS_SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(trip);
    }
}

/// What was found in a journal.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The names of the run.
    pub names: Names,
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
    /// The scenario's seed.
    pub seed: u64,
    /// Whether the last record is the end of the run.
    pub complete: bool,
    /// How often things happened.
    pub counts: Counts,
    /// Time of the first and last record.
    pub period: Option<(Ts, Ts)>,
    /// Fees paid, by currency.
    pub fees: BTreeMap<CurrencyIx, Amount>,
    /// Fills with a fee above zero, by where it was paid and in what.
    pub fee_fills: BTreeMap<(VenueIx, CurrencyIx), u64>,
    /// Funding paid, by settlement currency; below zero: received.
    pub funding: BTreeMap<CurrencyIx, Amount>,
    /// Interest charged on what was borrowed, by currency.
    pub interest: BTreeMap<CurrencyIx, Amount>,
    /// The same by strategy and instrument; what is no strategy's is not among it.
    pub funding_of: BTreeMap<PositionKey, Amount>,
    /// What slippage cost: what fills were worth at their prices against what they were at the reference
    /// prices, by the currency of the value; `None` once the sum left the range of an amount.
    pub slippage: BTreeMap<CurrencyIx, Option<Amount>>,
    /// Notional of all fills, by its currency; `None` once the sum left the range of an amount.
    /// It grows without end while the account does not, so that is no error.
    pub traded: BTreeMap<CurrencyIx, Option<Amount>>,
    /// Fees of liquidations, by currency; not part of `fees`.
    pub liquidation_fees: BTreeMap<CurrencyIx, Amount>,
    /// Losses beyond wallets that the insurance fund covered, by currency.
    pub insurance: BTreeMap<CurrencyIx, Amount>,
    /// Money put in less money taken out, by currency.
    pub deposits: BTreeMap<CurrencyIx, Amount>,
    /// What transfers between venues cost, by currency; not part of `fees`.
    pub transfer_fees: BTreeMap<CurrencyIx, Amount>,
    /// What has left one venue and not arrived at another, by currency; nothing that is zero.
    pub under_way: BTreeMap<CurrencyIx, Amount>,
    /// What each account has of each currency, where there are several.
    pub wallets: BTreeMap<(VenueIx, CurrencyIx), Amount>,
    /// Equity at the start: deposits if all are in the base currency, else the first known equity.
    pub initial_equity: Option<Amount>,
    /// Last known equity.
    pub final_equity: Option<Amount>,
    /// Sum and number of known equities, for their mean.
    pub equity_mean: (f64, u64),
    /// By how much money put in and taken out during the run has scaled equity.
    pub capital_factor: f64,
    /// Largest fall from a peak over every mark, as a fraction of the peak.
    pub max_drawdown: f64,
    /// Returns at multiples of the interval.
    pub returns: ReturnSampler,
    /// Nanoseconds during which any position was open.
    pub exposed_ns: i128,
    /// Last state of every position that there was.
    pub positions: BTreeMap<PositionKey, PositionPoint>,
    /// Round trips, summed up.
    pub trips: TripStats,
    /// Round trips to show.
    pub trips_shown: TripsShown,
    /// Trips still open.
    pub trips_open: usize,
    /// Equity for the chart.
    pub equity_series: Series,
    /// Fall from the peak so far for the chart, as a fraction at most zero.
    pub drawdown_series: Series,
    /// Fills for the charts.
    pub marks: Thinned<FillMark>,
}

/// Gathers [`RunFacts`].
#[derive(Debug, Clone)]
pub struct Gatherer {
    facts: RunFacts,
    trips: TripBook,
    open_positions: usize,
    exposed_since: Ts,
    equity_peak: Option<Amount>,
    base_deposits: Option<Amount>,
    /// Economic time of the last stage of a liquidation.
    liquidated_at: Ts,
    /// Whether that was a forced trade of an account that borrows, whose fee is counted as a whole.
    is_forced: bool,
}

/// A share of a liquidation in the form of a fill, for round trips.
fn as_fill(share: &LiquidationShare, fee_currency: CurrencyIx, ts_event: Ts) -> FillReport {
    FillReport {
        client_order_id: ClientOrderId { strategy: share.strategy, number: 0 },
        trade_id: TradeId(0),
        last_px: share.last_px,
        last_qty: share.last_qty,
        liquidity: Liquidity::Taker,
        fee: share.fee,
        fee_currency,
        ts_event,
        evidence: Evidence {
            record: RecordRef::default(),
            basis: FillBasis::Venue,
            reference_px: share.last_px,
            slippage_px: Price::ZERO,
            impact_px: Price::ZERO,
            noise_px: Price::ZERO,
            available_qty: share.last_qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
        },
    }
}

/// Adds to the sum of a key; `None` on overflow.
fn add<K: Ord>(sums: &mut BTreeMap<K, Amount>, key: K, amount: Amount) -> Option<()> {
    let sum = sums.entry(key).or_default();
    *sum = sum.checked_add(amount)?;
    Some(())
}

/// What slippage cost: what the fill is worth at its price against what it would be at the reference. `None` on
/// overflow.
fn slippage_cost(instrument: &Instrument, side: Side, report: &FillReport) -> Option<Amount> {
    let qty = Qty::from_raw(report.last_qty.raw().checked_mul(side.sign())?);
    let value = |px: Price| instrument.notional(px, qty);
    instrument.gain(value(report.evidence.reference_px)?, value(report.last_px)?)
}

/// Adds to the sum of a key, which is unknown for good once it left the range.
fn tally(sums: &mut BTreeMap<CurrencyIx, Option<Amount>>, key: CurrencyIx, amount: Option<Amount>) {
    let sum = sums.entry(key).or_insert(Some(Amount::ZERO));
    *sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
}

impl Gatherer {
    /// Nothing gathered; returns are sampled at multiples of `returns_interval`.
    pub fn new(returns_interval: Span) -> Self {
        let facts = RunFacts {
            names: Names::new(),
            base_currency: CurrencyIx(0),
            seed: 0,
            complete: false,
            counts: Counts::default(),
            period: None,
            fees: BTreeMap::new(),
            fee_fills: BTreeMap::new(),
            funding: BTreeMap::new(),
            interest: BTreeMap::new(),
            funding_of: BTreeMap::new(),
            slippage: BTreeMap::new(),
            traded: BTreeMap::new(),
            liquidation_fees: BTreeMap::new(),
            insurance: BTreeMap::new(),
            deposits: BTreeMap::new(),
            transfer_fees: BTreeMap::new(),
            under_way: BTreeMap::new(),
            wallets: BTreeMap::new(),
            initial_equity: None,
            final_equity: None,
            equity_mean: (0.0, 0),
            capital_factor: 1.0,
            max_drawdown: 0.0,
            returns: ReturnSampler::new(returns_interval),
            exposed_ns: 0,
            positions: BTreeMap::new(),
            trips: TripStats::default(),
            trips_shown: TripsShown::default(),
            trips_open: 0,
            equity_series: Series::new(CHART_BUCKETS),
            drawdown_series: Series::new(CHART_BUCKETS),
            marks: Thinned::new(MARKS_MAX),
        };
        Self {
            facts,
            trips: TripBook::new(),
            open_positions: 0,
            exposed_since: Ts::MIN,
            equity_peak: None,
            base_deposits: Some(Amount::ZERO),
            liquidated_at: Ts::MIN,
            is_forced: false,
        }
    }

    /// What is known so far.
    pub fn facts(&self) -> &RunFacts {
        &self.facts
    }

    /// Takes in the next record; the round trip that it closed, if it closed one.
    ///
    /// # Errors
    /// [`ReportError::Overflow`] or [`ReportError::Unknown`].
    pub fn push(&mut self, record: &Record) -> Result<Option<RoundTrip>, ReportError> {
        let seq = record.header.seq;
        let overflow = |what| ReportError::Overflow { seq, what };
        self.facts.counts.events += 1;
        let ts = record.header.ts;
        self.facts.period = Some((self.facts.period.map_or(ts, |(first, _)| first), ts));
        match &record.event {
            Event::Filled { instrument, deal, report, .. } => return self.fill(seq, *instrument, *deal, report),
            Event::Posted { reason, lines } | Event::PostedAt { reason, lines, .. } => {
                let venue = record.event.venue().unwrap_or_default();
                self.posted((venue, *reason), lines).ok_or_else(|| overflow("a sum of postings"))?;
            }
            Event::Liquidated(liquidation) => {
                self.facts.counts.liquidations += 1;
                (self.liquidated_at, self.is_forced) = (liquidation.ts_event, false);
            }
            Event::LoanLiquidated(trade) => {
                self.facts.counts.liquidations += 1;
                (self.liquidated_at, self.is_forced) = (trade.ts_event, true);
                let unknown = || ReportError::Unknown { seq, what: "the instrument" };
                let quote = self.facts.names.instrument(trade.instrument).ok_or_else(unknown)?.quote;
                let fee = add(&mut self.facts.liquidation_fees, quote, trade.fee);
                fee.ok_or_else(|| overflow("the sum of liquidation fees"))?;
            }
            Event::InterestCharged(report) => {
                let sum = add(&mut self.facts.interest, report.currency, report.interest);
                sum.ok_or_else(|| overflow("the sum of interest"))?;
            }
            Event::MarginCalled(_) => self.facts.counts.margin_calls += 1,
            Event::LiquidationShared(share) => return self.share(seq, share),
            Event::Bankrupt(bankruptcy) | Event::BankruptAt { bankruptcy, .. } => {
                self.facts.counts.bankruptcies += 1;
                let covered = add(&mut self.facts.insurance, bankruptcy.currency, bankruptcy.covered);
                covered.ok_or_else(|| overflow("what insurance covered"))?;
            }
            Event::PositionChanged(point) => return self.position(seq, ts, (None, point)),
            Event::SidePositionChanged { position_side, point } => {
                return self.position(seq, ts, (Some(*position_side), point));
            }
            Event::Redenominated { venue, report } => {
                let names = &self.facts.names;
                let mut concerned =
                    names.instruments().iter().filter(|one| one.base == report.asset && names.venue_of(one) == *venue);
                let changed = concerned.try_for_each(|one| self.trips.redenominate(one.ix, report.ratio));
                changed.ok_or_else(|| overflow("a round trip in new units"))?;
            }
            event @ Event::PositionSettled { .. } => return self.settled(seq, event),
            Event::FundingPaid { strategy, instrument, net_qty, paid, .. } => {
                let unknown = || ReportError::Unknown { seq, what: "the instrument" };
                let facts = &mut self.facts;
                let currency = facts.names.instrument(*instrument).ok_or_else(unknown)?.settlement;
                let side = facts.names.side_of(*instrument, *net_qty);
                let mut sums = || {
                    add(&mut facts.funding, currency, *paid)?;
                    let key = strategy.map(|strategy| (strategy, *instrument, side));
                    key.map_or(Some(()), |key| add(&mut facts.funding_of, key, *paid))
                };
                sums().ok_or_else(|| overflow("the sum of funding"))?;
            }
            Event::TransferSent(sent) => self.transfer_sent(sent).ok_or_else(|| overflow("transfers"))?,
            Event::TransferArrived { currency, amount, .. } => {
                let arrived = amount.checked_neg().and_then(|out| self.carry(*currency, out));
                arrived.ok_or_else(|| overflow("transfers"))?;
            }
            Event::Equity(point) => self.equity(point),
            Event::CapitalMoved { before, after } => self.move_capital(*before, *after),
            other => self.count(other),
        }
        Ok(None)
    }

    fn count(&mut self, event: &Event) {
        let counts = &mut self.facts.counts;
        // Numbers of `Event::number`, fixed by the journal format.
        match event.number() {
            10 => counts.intents += 1,
            15 => counts.denied += 1,
            20 => counts.orders += 1,
            24 => counts.rejected += 1,
            30 => counts.canceled += 1,
            31 => counts.expired += 1,
            90 => counts.transfers_refused += 1,
            _ => self.run_event(event),
        }
    }

    fn transfer_sent(&mut self, sent: &TransferSent) -> Option<()> {
        self.facts.counts.transfers += 1;
        add(&mut self.facts.transfer_fees, sent.currency, sent.fee)?;
        self.carry(sent.currency, sent.amount.checked_sub(sent.fee)?)
    }

    fn carry(&mut self, currency: CurrencyIx, amount: Amount) -> Option<()> {
        add(&mut self.facts.under_way, currency, amount)?;
        self.facts.under_way.retain(|_, sum| *sum != Amount::ZERO);
        Some(())
    }

    /// Returns and falls go on as if equity had been scaled.
    fn move_capital(&mut self, before: Amount, after: Amount) {
        let factor = if before > Amount::ZERO { after.to_f64() / before.to_f64() } else { f64::NAN };
        self.facts.capital_factor *= factor;
        self.facts.returns.rescale(factor);
        self.equity_peak = self.equity_peak.and_then(|peak| peak.mul_ratio(after, before));
    }

    fn run_event(&mut self, event: &Event) {
        let facts = &mut self.facts;
        if let Event::RunStarted { seed, base_currency, .. } = event {
            (facts.seed, facts.base_currency) = (*seed, *base_currency);
        } else if let Event::RunEnded { inputs, ambiguous_bars, warmup_denied } = event {
            facts.complete = true;
            facts.counts.inputs = *inputs;
            facts.counts.ambiguous_bars = *ambiguous_bars;
            facts.counts.warmup_denied = *warmup_denied;
        } else if let Event::FillsBlocked { count, .. } = event {
            facts.counts.blocked = facts.counts.blocked.saturating_add(*count);
        } else if let Event::IncidentBegan { .. } = event {
            facts.counts.incidents += 1;
        } else if let Event::IncidentEnded { missed, .. } = event {
            facts.counts.missed = facts.counts.missed.saturating_add(*missed);
        } else if let Event::DataIssues { count, .. } = event {
            facts.counts.data_issues = facts.counts.data_issues.saturating_add(*count);
        } else {
            facts.names.apply(event);
        }
    }

    fn fill(
        &mut self,
        seq: u64,
        ix: InstrumentIx,
        deal: Deal,
        report: &FillReport,
    ) -> Result<Option<RoundTrip>, ReportError> {
        let (facts, side) = (&mut self.facts, deal.side);
        facts.counts.fills += 1;
        facts.counts.maker_fills += u64::from(report.liquidity == Liquidity::Maker);
        facts.counts.arrival_fills += u64::from(report.evidence.basis == FillBasis::BarArrival);
        facts.marks.push(FillMark { instrument: ix, ts: report.ts_event, side, px: report.last_px });
        let unknown = || ReportError::Unknown { seq, what: "the instrument" };
        let instrument = facts.names.instrument(ix).ok_or_else(unknown)?;
        let currency = instrument.value_currency();
        tally(&mut facts.traded, currency, instrument.notional(report.last_px, report.last_qty));
        tally(&mut facts.slippage, currency, slippage_cost(instrument, side, report));
        if report.fee > Amount::ZERO {
            *facts.fee_fills.entry((facts.names.venue_of(instrument), report.fee_currency)).or_default() += 1;
        }
        let mut sums = || {
            add(&mut facts.fees, report.fee_currency, report.fee)?;
            let trip = self.trips.on_fill(instrument, deal, report)?;
            if let Some(trip) = &trip {
                // Sums of profits out of range mean as little as those of several currencies.
                facts.trips.mixed |= facts.trips.push(trip).is_none();
                facts.trips_shown.push(*trip);
            }
            Some(trip)
        };
        sums().ok_or_else(|| ReportError::Overflow { seq, what: "a sum over fills" })
    }

    /// A settlement closes a round trip, without a fee.
    fn settled(&mut self, seq: u64, event: &Event) -> Result<Option<RoundTrip>, ReportError> {
        let Event::PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty } = event else {
            return Ok(None);
        };
        let facts = &mut self.facts;
        let unknown = || ReportError::Unknown { seq, what: "the instrument" };
        let key = (*strategy, *instrument, facts.names.side_of(*instrument, *net_qty));
        let instrument = facts.names.instrument(*instrument).ok_or_else(unknown)?;
        let trip = self.trips.on_settlement(instrument, key, (*ts_event, *settlement_px, *net_qty));
        let trip = trip.ok_or(ReportError::Overflow { seq, what: "a settlement" })?;
        if let Some(trip) = &trip {
            facts.trips.mixed |= facts.trips.push(trip).is_none();
            facts.trips_shown.push(*trip);
        }
        Ok(trip)
    }

    /// What a liquidation took from a strategy ends its round trip as a fill would.
    fn share(&mut self, seq: u64, share: &LiquidationShare) -> Result<Option<RoundTrip>, ReportError> {
        let facts = &mut self.facts;
        let unknown = || ReportError::Unknown { seq, what: "the instrument" };
        let instrument = facts.names.instrument(share.instrument).ok_or_else(unknown)?;
        facts.marks.push(FillMark {
            instrument: share.instrument,
            ts: self.liquidated_at,
            side: share.side,
            px: share.last_px,
        });
        let report = as_fill(share, instrument.settlement, self.liquidated_at);
        let deal = facts.names.deal_of(share);
        let mut sums = || {
            if !self.is_forced {
                add(&mut facts.liquidation_fees, instrument.settlement, share.fee)?;
            }
            let trip = self.trips.on_fill(instrument, deal, &report)?;
            if let Some(trip) = &trip {
                facts.trips.mixed |= facts.trips.push(trip).is_none();
                facts.trips_shown.push(*trip);
            }
            Some(trip)
        };
        sums().ok_or_else(|| ReportError::Overflow { seq, what: "a sum over liquidations" })
    }

    fn posted(&mut self, (venue, reason): (VenueIx, PostingReason), lines: &PostingLines) -> Option<()> {
        let is_capital = matches!(reason, PostingReason::Deposit | PostingReason::Withdrawal);
        let several = !self.facts.names.venues().is_empty();
        if !is_capital && !several {
            return Some(());
        }
        for line in lines.as_slice().iter().filter(|line| line.account == LedgerAccount::Cash) {
            if several {
                add(&mut self.facts.wallets, (venue, line.currency), line.amount)?;
            }
            if !is_capital {
                continue;
            }
            add(&mut self.facts.deposits, line.currency, line.amount)?;
            self.base_deposits = match self.base_deposits {
                Some(sum) if line.currency == self.facts.base_currency => Some(sum.checked_add(line.amount)?),
                _ => None,
            };
        }
        Some(())
    }

    /// A position changed; the round trip that ended without a fill, if one did.
    fn position(
        &mut self,
        seq: u64,
        ts: Ts,
        (side, point): (Option<PositionSide>, &PositionPoint),
    ) -> Result<Option<RoundTrip>, ReportError> {
        self.expose(ts, side, point).ok_or(ReportError::Overflow { seq, what: "exposure time" })?;
        if point.net_qty.raw() != 0 {
            return Ok(None);
        }
        let facts = &mut self.facts;
        let Some(instrument) = facts.names.instrument(point.instrument) else { return Ok(None) };
        let trip = self.trips.on_flat(instrument, (point.strategy, point.instrument, side), ts);
        let trip = trip.ok_or(ReportError::Overflow { seq, what: "a round trip" })?;
        if let Some(trip) = &trip {
            facts.trips.mixed |= facts.trips.push(trip).is_none();
            facts.trips_shown.push(*trip);
        }
        Ok(trip)
    }

    fn expose(&mut self, ts: Ts, side: Option<PositionSide>, point: &PositionPoint) -> Option<()> {
        let before = self.facts.positions.insert((point.strategy, point.instrument, side), *point);
        let was_open = before.is_some_and(|p| p.net_qty.raw() != 0);
        match (was_open, point.net_qty.raw() != 0) {
            (false, true) => {
                if self.open_positions == 0 {
                    self.exposed_since = ts;
                }
                self.open_positions += 1;
            }
            (true, false) => {
                self.open_positions -= 1;
                if self.open_positions == 0 {
                    self.count_exposure(ts)?;
                }
            }
            (true, true) | (false, false) => {}
        }
        Some(())
    }

    fn count_exposure(&mut self, until: Ts) -> Option<()> {
        let span = i128::from(until.nanos()) - i128::from(self.exposed_since.nanos());
        self.facts.exposed_ns = self.facts.exposed_ns.checked_add(span)?;
        Some(())
    }

    fn equity(&mut self, point: &EquityPoint) {
        let facts = &mut self.facts;
        if facts.initial_equity.is_none() {
            let deposited = self.base_deposits.filter(|sum| *sum > Amount::ZERO);
            facts.initial_equity = Some(deposited.unwrap_or(point.equity));
            self.equity_peak = facts.initial_equity;
            // Before the first known equity the run stood at its deposits; a clock at or before the
            // epoch means that the start was not known.
            if let (Some(sum), Some((started, _))) = (deposited, facts.period)
                && started > Ts::from_nanos(0)
                && started < point.ts_event
            {
                facts.returns.push(started, sum);
            }
        }
        let (sum, count) = facts.equity_mean;
        let equity = point.equity.to_f64();
        facts.equity_mean = (sum + equity, count + 1);
        facts.final_equity = Some(point.equity);
        let deeper = point.max_drawdown > facts.max_drawdown;
        facts.max_drawdown = point.max_drawdown;
        facts.returns.push(point.ts_event, point.equity);
        facts.equity_series.push(point.ts_event, point.low.to_f64(), point.high.to_f64(), equity);
        let before = self.equity_peak.unwrap_or(point.equity);
        let peak = before.max(point.high).max(point.equity);
        self.equity_peak = Some(peak);
        let fall = |value: f64, peak: f64| if peak > 0.0 { (value / peak - 1.0).min(0.0) } else { 0.0 };
        // The order of high and low within the interval is not known: the low is held against the
        // peak before it, and never falls below what the kernel measured over every mark. An interval in
        // which that grew is where it was measured.
        let last = fall(equity, peak.to_f64());
        let low = fall(point.low.to_f64(), before.to_f64()).min(last).max(-point.max_drawdown);
        let low = if deeper { -point.max_drawdown } else { low }.min(last);
        facts.drawdown_series.push(point.ts_event, low, last.max(low), last);
    }

    /// Ends the gathering.
    ///
    /// # Errors
    /// [`ReportError::Overflow`].
    pub fn finish(mut self) -> Result<RunFacts, ReportError> {
        if let (Some((_, end)), true) = (self.facts.period, self.open_positions > 0) {
            let seq = self.facts.counts.events;
            self.count_exposure(end).ok_or(ReportError::Overflow { seq, what: "exposure time" })?;
        }
        self.facts.trips_open = self.trips.open_count();
        Ok(self.facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Journal;

    #[test]
    fn the_chart_falls_as_far_as_the_largest_drawdown() {
        let mut journal = Journal::new();
        for (equity, max_drawdown) in [("10000", 0.0), ("10100", 0.02), ("10050", 0.02)] {
            journal.input(1);
            journal.equity(equity, max_drawdown);
        }
        journal.end();
        let mut gatherer = Gatherer::new(Span::DAY);
        for record in &journal.records {
            gatherer.push(record).unwrap();
        }
        let facts = gatherer.finish().unwrap();
        let lows: Vec<f64> = facts.drawdown_series.buckets().iter().map(|bucket| bucket.low).collect();
        assert_eq!(lows.iter().copied().reduce(f64::min), Some(-0.02), "{lows:?}");
    }
}
