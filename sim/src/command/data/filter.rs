//! Which series of a catalog a command is about.

use tapedeck_catalog::SeriesFilter;
use tapedeck_model::Span;

use crate::failure::Failure;

/// Arguments; what is left out means all.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Filter {
    /// Only this kind: bars, trades, quotes, depth, mbo, mark or funding.
    #[arg(long)]
    kind: Option<String>,
    /// Only this instrument: SYMBOL or SYMBOL.VENUE.
    #[arg(long)]
    instrument: Option<String>,
    /// Only bars of this length.
    #[arg(long)]
    interval: Option<String>,
}

impl Filter {
    /// Whether nothing was left out.
    pub(super) fn is_given(&self) -> bool {
        self.kind.is_some() || self.instrument.is_some() || self.interval.is_some()
    }

    /// As the catalog takes it.
    pub(super) fn of(&self) -> Result<SeriesFilter, Failure> {
        let read = |text: &String| {
            let span = text.parse::<Span>();
            span.map_err(|error| Failure::input_with_help(format!("--interval: {error}"), "write for example 1m or 4h"))
        };
        let interval = self.interval.as_ref().map(read).transpose()?;
        Ok(SeriesFilter { kind: self.kind.clone(), instrument: self.instrument.clone(), interval })
    }
}
