//! What models want to know of the market as a whole: how busy it is, how far prices go, how much is traded.
//!
//! Enters: every record, after orders have met it. Leaves: counts and estimates. Deliberately absent where no
//! model asks: then nothing is counted, and records may pass in whole pieces.

use tapedeck_model::number::pow10;
use tapedeck_model::port::{LatencyModel, MarketMemory};
use tapedeck_model::{InstrumentIx, MarketRecord, Side, Span, Ts, math};

use super::RecordKind;
use super::desk::Desk;
use super::token::Token;
use crate::rate::RateMeter;

/// Legs of messages, by position.
pub(super) const ENTRY: usize = 0;
pub(super) const CANCEL: usize = 1;
pub(super) const REPORT: usize = 2;

/// What is counted.
#[derive(Debug)]
pub(super) struct Watch {
    /// By leg, for latency models that ask for it.
    rates: [Option<RateMeter>; 3],
    /// By instrument, for a slippage model that asks for it; else empty.
    markets: Vec<Memory>,
    /// For fees that are paid in the venue's token.
    pub(super) token: Option<Token>,
}

impl Watch {
    /// What the models of the legs, and the slippage model of so many instruments, ask for; `None` if that is
    /// nothing.
    pub(super) fn of(
        latency: [&dyn LatencyModel; 3],
        (memory, instruments): (Option<MarketMemory>, usize),
        (has_age_limit, token): (bool, Option<Token>),
    ) -> Option<Box<Self>> {
        let rates = latency.map(|model| model.rate_window().map(RateMeter::new));
        let markets = memory.map_or_else(Vec::new, |memory| vec![Memory::new(memory); instruments]);
        let wanted = has_age_limit || token.is_some() || !markets.is_empty() || rates.iter().any(Option::is_some);
        wanted.then(|| Box::new(Self { rates, markets, token }))
    }

    /// A record of the desk passed.
    pub(super) fn see(&mut self, record: &MarketRecord, desk: &mut Desk) {
        let px_x2 = px_x2(record, desk);
        if let Some(limit) = desk.age_limit.filter(|_| px_x2.is_some()) {
            desk.fresh_until = record.ts_event().saturating_add(limit);
        }
        if let (Some(token), Some(px_x2)) = (&mut self.token, px_x2) {
            token.see(record.instrument(), record.ts_event(), px_x2);
        }
        for rate in self.rates.iter_mut().flatten() {
            rate.see(record.ts_event());
        }
        if let Some(memory) = self.markets.get_mut(record.instrument().usize()) {
            memory.see(record.ts_event(), px_x2, traded(record, desk));
        }
    }

    /// Records in the window of a leg's model.
    pub(super) fn events(&self, leg: usize, now: Ts) -> u64 {
        self.rates.get(leg).and_then(Option::as_ref).map_or(0, |rate| rate.events(now))
    }

    /// An instrument has `ratio` new units for each old one.
    pub(super) fn redenominate(&mut self, instrument: InstrumentIx, ratio: f64) {
        if let Some(memory) = self.markets.get_mut(instrument.usize()) {
            memory.px_before = memory.px_before.map(|px| px / ratio);
            memory.px = memory.px.map(|px| px / ratio);
            memory.traded *= ratio;
            memory.volume.sum *= ratio;
        }
    }

    /// Volatility over a day and what is traded in a day, as far as they are known.
    pub(super) fn market(&self, instrument: InstrumentIx) -> (Option<f64>, Option<f64>) {
        self.markets.get(instrument.usize()).map_or((None, None), |memory| (memory.volatility(), memory.daily_volume()))
    }
}

/// Twice the price that a record shows, if it is of the kind that fills its instrument.
fn px_x2(record: &MarketRecord, desk: &Desk) -> Option<i64> {
    match (record, desk.finest) {
        (MarketRecord::Bar(bar), RecordKind::Bars) => Some(2 * bar.close.raw()),
        (MarketRecord::Trade(trade), RecordKind::Trades) => Some(2 * trade.px.raw()),
        (MarketRecord::Quote(quote), RecordKind::Quotes) if quote.bid_px < quote.ask_px => {
            Some(quote.bid_px.raw() + quote.ask_px.raw())
        }
        (MarketRecord::Depth(_), RecordKind::Depth) | (MarketRecord::Mbo(_), RecordKind::Mbo) => {
            Some(desk.depth.best_px(Side::Buy)?.raw() + desk.depth.best_px(Side::Sell)?.raw())
        }
        _ => None,
    }
}

/// What a record says was traded: prints, and bars where nothing finer is known.
fn traded(record: &MarketRecord, desk: &Desk) -> i64 {
    match (record, desk.finest) {
        (MarketRecord::Bar(bar), RecordKind::Bars) => bar.volume.raw().max(0),
        (MarketRecord::Trade(trade), _) => trade.qty.raw().max(0),
        _ => 0,
    }
}

/// Prices and volumes of the last while, at multiples of a sample's length, exponentially weighted. A stretch
/// without records counts as samples that share its move evenly.
#[derive(Debug, Clone)]
struct Memory {
    sample_ns: i64,
    /// What is left of a weight after one sample.
    decay: f64,
    /// Number of the sample under way, once there is one.
    sample: Option<i64>,
    /// Price at the end of the last sample, and now.
    px_before: Option<f64>,
    px: Option<f64>,
    /// Traded in the sample under way.
    traded: f64,
    variance: Weighted,
    volume: Weighted,
}

/// A weighted sum and the sum of its weights: at first there are few.
#[derive(Debug, Clone, Copy, Default)]
struct Weighted {
    sum: f64,
    weight: f64,
}

impl Weighted {
    /// `count` values alike, each of which makes those before it weigh `decay` as much.
    fn push(&mut self, value: f64, left: f64) {
        self.sum = self.sum * left + value * (1.0 - left);
        self.weight = self.weight * left + (1.0 - left);
    }

    fn mean(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

impl Memory {
    fn new(memory: MarketMemory) -> Self {
        let (sample_ns, half_life_ns) = (memory.sample.nanos().max(1), memory.half_life.nanos().max(1));
        Self {
            sample_ns,
            decay: math::pow(0.5, sample_ns as f64 / half_life_ns as f64),
            sample: None,
            px_before: None,
            px: None,
            traded: 0.0,
            variance: Weighted::default(),
            volume: Weighted::default(),
        }
    }

    fn see(&mut self, ts: Ts, px_x2: Option<i64>, traded: i64) {
        // What happens at a multiple belongs to the sample that ends there.
        let sample = ts.nanos().saturating_sub(1).div_euclid(self.sample_ns);
        if self.sample != Some(sample) {
            self.close(sample);
        }
        self.px = px_x2.filter(|px| *px > 0).map(|px| px as f64).or(self.px);
        self.traded += traded as f64;
    }

    /// Ends the samples up to this one.
    fn close(&mut self, sample: i64) {
        if let Some(last) = self.sample {
            let count = sample.saturating_sub(last).max(1) as f64;
            let left = math::pow(self.decay, count);
            if let (Some(before), Some(now)) = (self.px_before, self.px) {
                let change = math::ln(now / before);
                self.variance.push(change * change / count, left);
            }
            self.volume.push(self.traded / count, left);
        }
        (self.px_before, self.traded, self.sample) = (self.px, 0.0, Some(sample));
    }

    fn per_day(&self) -> f64 {
        Span::DAY.nanos() as f64 / self.sample_ns as f64
    }

    fn volatility(&self) -> Option<f64> {
        self.variance.mean().map(|variance| math::sqrt(variance * self.per_day())).filter(|sigma| *sigma > 0.0)
    }

    fn daily_volume(&self) -> Option<f64> {
        self.volume.mean().map(|volume| volume * self.per_day()).filter(|volume| *volume > 0.0)
    }
}

/// A quantity in units of the instrument as raw units, for models.
pub(super) fn raw_units(units: f64, qty_scale: u8) -> f64 {
    units * pow10(qty_scale) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volatility_and_volume_are_those_of_the_last_while() {
        let memory = MarketMemory { sample: Span::MINUTE, half_life: Span::from_nanos(3_600_000_000_000) };
        let mut memory = Memory::new(memory);
        let minute = |n: i64| Ts::from_nanos(n * 60_000_000_000);
        memory.see(minute(1), Some(2_000), 5);
        assert_eq!((memory.volatility(), memory.daily_volume()), (None, None));
        // Up and down by the same factor in turn: every move has the same square.
        let step = math::ln(2_020.0 / 2_000.0);
        for n in 2..2_000 {
            memory.see(minute(n), Some(if n % 2 == 0 { 2_020 } else { 2_000 }), 5);
        }
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        assert!(close(memory.volatility().unwrap(), step * math::sqrt(1_440.0)), "{:?}", memory.volatility());
        assert!(close(memory.daily_volume().unwrap(), 5.0 * 1_440.0));
        // An hour later the same weight is on what comes now and on all before.
        (2_000..2_061).for_each(|n| memory.see(minute(n), Some(2_020), 15));
        assert!(memory.daily_volume().unwrap() > 9.95 * 1_440.0 && memory.daily_volume().unwrap() < 10.05 * 1_440.0);
        // A gap without records: its move is spread over it.
        let mut gap = Memory::new(MarketMemory { sample: Span::MINUTE, half_life: Span::DAY });
        let seen = [(1, 2_000), (2, 2_000), (102, 2_020), (103, 2_020)];
        for (n, px) in seen {
            gap.see(minute(n), Some(px), 0);
        }
        assert!(gap.volatility().unwrap() < 2.0 * step * math::sqrt(1_440.0 / 100.0));
    }
}
