//! Strategies that come with Tapedeck.
//!
//! Enters: what a [`Context`](tapedeck_model::Context) shows. Leaves: wishes. Invariants: a strategy
//! is a function of the calls it gets, so the same tape gives the same orders; every quantity is
//! computed in integers. Deliberately absent: clocks, I/O and randomness of their own.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod breakout;
mod buy_and_hold;
mod grid;
mod market_maker;
mod noop;
mod random;
pub mod sizing;
mod sma_cross;
pub mod testing;

use tapedeck_model::port::StrategyComponent;

/// Every strategy of this crate, sorted by name.
pub fn components() -> &'static [StrategyComponent] {
    &[
        breakout::COMPONENT,
        buy_and_hold::COMPONENT,
        grid::COMPONENT,
        market_maker::COMPONENT,
        noop::COMPONENT,
        random::COMPONENT,
        sma_cross::COMPONENT,
    ]
}

/// Strategies of this crate whose orders name a position side where the account has two.
const OF_BOTH_MODES: [&str; 2] = ["noop", "random"];

/// Whether a strategy of this crate trades one signed position only, so that in hedge mode each of its orders
/// would be denied. Of a strategy of somebody else nothing is known.
pub fn is_one_way(name: &str) -> bool {
    components().iter().any(|component| component.name == name) && !OF_BOTH_MODES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strategies_of_this_crate_are_known_to_be_one_way() {
        assert!(OF_BOTH_MODES.iter().all(|name| components().iter().any(|component| component.name == *name)));
        assert!(is_one_way("grid") && !is_one_way("random") && !is_one_way("somebody_elses"));
    }

    #[test]
    fn names_are_sorted_and_parameters_are_described() {
        assert!(components().is_sorted_by(|a, b| a.name < b.name));
        for component in components() {
            for spec in component.params {
                assert!(spec.help.ends_with('.'), "{}.{}", component.name, spec.name);
                assert!(spec.default.is_some() || spec.optional || component.name != "noop");
            }
        }
    }
}
