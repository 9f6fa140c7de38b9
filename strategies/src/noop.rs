//! Does nothing: what a run costs without a strategy.

use tapedeck_model::Strategy;
use tapedeck_model::port::StrategyComponent;

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "noop",
    help: "Does nothing; measures what a run costs without a strategy.",
    params: &[],
    build: |_, _| Ok(Box::new(Noop)),
};

struct Noop;

impl Strategy for Noop {}
