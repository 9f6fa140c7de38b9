//! A look at records on their way from a source to the kernel: prices for the charts, how far the
//! tape is, and whether bars have the volume that the venue's model divides.
//!
//! Invariant: no record changes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tapedeck_model::port::DataIssues;
use tapedeck_model::{Chunk, Columns, Source, SourceError, Ts};
use tapedeck_reports::Series;

/// How far the tape is. Sources are read ahead, so it runs a little before the kernel.
#[derive(Debug)]
pub struct Meter {
    records: AtomicU64,
    /// Nanoseconds of the latest record.
    ts: AtomicI64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { records: AtomicU64::new(0), ts: AtomicI64::new(i64::MIN) }
    }
}

impl Meter {
    fn add(&self, times: &[i64]) {
        self.records.fetch_add(times.len() as u64, Ordering::Relaxed);
        if let Some(ts) = times.last() {
            self.ts.fetch_max(*ts, Ordering::Relaxed);
        }
    }

    /// Records read so far, of all sources.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Time of the latest record, once there is one.
    pub fn tape_time(&self) -> Option<Ts> {
        Some(self.ts.load(Ordering::Relaxed)).filter(|nanos| *nanos != i64::MIN).map(Ts::from_nanos)
    }
}

/// Where a chart gets its prices from.
pub(super) struct Chart {
    pub(super) series: Arc<Mutex<Series>>,
    pub(super) price_scale: u8,
}

/// A source that is looked at as its records go by.
pub(super) struct Tap {
    pub(super) inner: Box<dyn Source>,
    /// Name of the source.
    pub(super) name: String,
    pub(super) meter: Arc<Meter>,
    pub(super) chart: Option<Chart>,
    /// What the venue takes at most of a bar's volume, as long as none has been seen.
    pub(super) wants_volume: Option<String>,
    /// Records of this source so far.
    pub(super) records: usize,
}

/// Records that are summed up before the chart sees them, so that it costs next to nothing.
const STRIDE: usize = 16;

impl Chart {
    fn push(&self, chunk: &Chunk) {
        let unit = tapedeck_model::number::pow10(self.price_scale) as f64;
        let (low, high, last) = match &chunk.columns {
            Columns::Bars { low, high, close, .. } => (low, high, close),
            Columns::Trades { px, .. } => (px, px, px),
            Columns::Quotes { bid_px, ask_px, .. } => (bid_px, ask_px, bid_px),
            // A level or a mark is no price at which anything was dealt.
            Columns::Depth { .. } | Columns::Mbo { .. } | Columns::Marks { .. } | Columns::Funding { .. } => return,
        };
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = chunk.ts_event.chunks(STRIDE).zip(low.chunks(STRIDE));
        for ((ts, low), (high, last)) in rows.zip(high.chunks(STRIDE).zip(last.chunks(STRIDE))) {
            let (Some(ts), Some(low), Some(high), Some(last)) =
                (ts.last(), low.iter().min(), high.iter().max(), last.last())
            else {
                continue;
            };
            let scaled = |raw: &i64| *raw as f64 / unit;
            series.push(Ts::from_nanos(*ts), scaled(low), scaled(high), scaled(last));
        }
    }
}

impl Tap {
    fn look_for_volume(&mut self, chunk: &Chunk) {
        if let Columns::Bars { volume, .. } = &chunk.columns
            && volume.iter().any(|qty| *qty != 0)
        {
            self.wants_volume = None;
        }
    }

    /// A market in which nothing can ever be filled is a mistake, not a result.
    fn expect_volume(&self) -> Result<(), SourceError> {
        let Some(share) = self.wants_volume.as_ref().filter(|_| self.records > 0) else { return Ok(()) };
        let problem = format!(
            "not one bar has volume, so nothing could be filled with `participation = \"{share}\"`; \
             write `participation = \"none\"` in [[venue]], or give the column of the volume"
        );
        Err(SourceError::File { file: format!("data `{}`", self.name), problem })
    }
}

impl Source for Tap {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        if !self.inner.next_chunk(chunk)? {
            self.expect_volume()?;
            return Ok(false);
        }
        self.records += chunk.ts_event.len();
        self.meter.add(&chunk.ts_event);
        if self.wants_volume.is_some() {
            self.look_for_volume(chunk);
        }
        if let Some(chart) = &self.chart {
            chart.push(chunk);
        }
        Ok(true)
    }

    fn content_hash(&self) -> [u8; 32] {
        self.inner.content_hash()
    }

    fn issues(&self) -> DataIssues {
        self.inner.issues()
    }
}
