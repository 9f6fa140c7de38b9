//! Synthetic tapes, generated from a seed; the `bootstrap` from bars of another source as well.
//!
//! Enters: parameters, an instrument, a start, random streams, perhaps a [`Source`]. Leaves: a [`Source`]. Invariants: the
//! same context and parameters give the same records whatever the sizes of the chunks; prices lie on
//! the tick grid of the instrument at `start` and above zero; quantities lie on its lot grid.
//! Deliberately absent: files, clocks, and any claim that such a market exists.
//!
//! Bars: the first opens at `start`; a bar's `ts_event` is its open + interval. Records at or after
//! `end`, and bars that open at or after it, are not made. A generator of bars makes mark prices as well: the index
//! is the close of the bar that ends at that time, the mark is that with a premium.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod basket;
mod bootstrap;
mod closed;
mod flow;
mod funding;
mod garch;
mod gbm;
mod given;
mod jump_diffusion;
mod marks;
mod path;
mod regimes;
mod tape;
mod ticks;

use tapedeck_model::{Component, Draws, Instrument, ParamError, Params, Source, Span, Ts};

/// What the records are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthKind {
    /// Bars of one length.
    Bars {
        /// Length of each bar, above zero.
        interval: Span,
    },
    /// Public trades.
    Trades,
    /// Best bids and offers.
    Quotes,
    /// Price levels of an order book.
    Depth,
    /// Mark prices.
    Marks {
        /// Between two of them, above zero.
        interval: Span,
    },
    /// Funding rates at their settlements.
    Funding {
        /// Between two of them, above zero.
        interval: Span,
    },
    /// Orders of an order book.
    Mbo,
}

impl SynthKind {
    /// Between two records, or the length of a bar; zero for kinds whose records come as they come.
    pub(crate) const fn interval(self) -> Span {
        match self {
            Self::Bars { interval } | Self::Marks { interval } | Self::Funding { interval } => interval,
            Self::Trades | Self::Quotes | Self::Depth | Self::Mbo => Span::ZERO,
        }
    }

    /// The word for people and scenarios.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bars { .. } => "bars",
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::Depth => "depth",
            Self::Marks { .. } => "mark",
            Self::Funding { .. } => "funding",
            Self::Mbo => "mbo",
        }
    }
}

/// What a generator is told besides its parameters.
#[derive(Debug, Clone)]
pub struct SynthContext<'a> {
    /// Of what.
    pub instrument: &'a Instrument,
    /// Of all random streams.
    pub seed: u64,
    /// When the first bar opens or the first quote comes.
    pub start: Ts,
    /// Records at or after this (bars: that open at or after it) are not made; `None` needs the
    /// parameter `count`.
    pub end: Option<Ts>,
    /// Of which kind.
    pub kind: SynthKind,
}

impl SynthContext<'_> {
    /// The streams of the instrument's synthetic market. Trades and quotes that are to describe the same
    /// market need the same streams, so the key is the instrument and not the name of the source.
    pub(crate) fn draws(&self) -> Draws {
        Draws::new(self.seed, &format!("synth/{}", self.instrument.id))
    }

    /// The streams that the instruments of a basket share.
    pub(crate) fn basket_draws(&self, basket: &str) -> Draws {
        Draws::new(self.seed, &format!("synth-basket/{basket}"))
    }
}

/// Builds a generator from the seed alone.
pub type BuildAlone = fn(&Params, &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError>;
/// Builds a generator from the seed and other bars, of the same interval and instrument, which it reads to their end.
pub type BuildResampled = fn(&Params, &SynthContext<'_>, Box<dyn Source>) -> Result<Box<dyn Source>, ParamError>;

/// Builds a generator.
#[derive(Debug, Clone, Copy)]
pub enum BuildSynth {
    /// From the seed alone.
    Alone(BuildAlone),
    /// From the seed and other bars.
    Resample(BuildResampled),
}
/// A generator that a scenario can choose.
pub type SynthComponent = Component<BuildSynth>;

/// Every generator, sorted by name.
pub fn components() -> &'static [SynthComponent] {
    &[
        basket::COMPONENT,
        bootstrap::COMPONENT,
        closed::CONSTANT,
        flow::COMPONENT,
        funding::COMPONENT,
        closed::GAP,
        garch::COMPONENT,
        gbm::COMPONENT,
        jump_diffusion::COMPONENT,
        closed::RAMP,
        regimes::COMPONENT,
        closed::SINE,
        closed::STEP,
        ticks::COMPONENT,
    ]
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
