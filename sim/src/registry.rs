//! Every named component that a scenario can choose.

use tapedeck_kernel::incident::{IncidentComponent, incident_components};
use tapedeck_kernel::{risk, venue};
use tapedeck_model::param::ParamSpec;
use tapedeck_model::port::{
    FeeComponent, LatencyComponent, QueueComponent, RiskComponent, SlippageComponent, StrategyComponent,
};
use tapedeck_synth::SynthComponent;

/// A family of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `[[strategy]] type`.
    Strategies,
    /// `[[risk]] rule`.
    Risk,
    /// `[venue.*_latency] model`, `[data.feed_latency] model`.
    Latency,
    /// `[venue.slippage] model`.
    Slippage,
    /// `[venue.fees] model`.
    Fees,
    /// `[venue.queue] model`.
    Queue,
    /// `[data.synthetic] generator`.
    Synthetic,
    /// `[[incident]] kind`.
    Incidents,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 8] = [
        Self::Strategies,
        Self::Risk,
        Self::Latency,
        Self::Slippage,
        Self::Fees,
        Self::Queue,
        Self::Synthetic,
        Self::Incidents,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strategies => "strategies",
            Self::Risk => "risk",
            Self::Latency => "latency",
            Self::Slippage => "slippage",
            Self::Fees => "fees",
            Self::Queue => "queue",
            Self::Synthetic => "synthetic",
            Self::Incidents => "incidents",
        }
    }

    /// One of it, in words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strategies => "strategy",
            Self::Risk => "risk rule",
            Self::Latency => "latency model",
            Self::Slippage => "slippage model",
            Self::Fees => "fee model",
            Self::Queue => "queue model",
            Self::Synthetic => "synthetic generator",
            Self::Incidents => "incident",
        }
    }
}

/// What can be told of a component without building it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Described {
    /// Its name in the scenario.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Its parameters.
    pub params: &'static [ParamSpec],
}

/// The components of this program. Users add their strategies to [`Registry::standard`].
#[derive(Debug, Clone)]
pub struct Registry {
    /// Strategies.
    pub strategies: Vec<StrategyComponent>,
    /// Risk rules.
    pub risk: Vec<RiskComponent>,
    /// Latency models.
    pub latency: Vec<LatencyComponent>,
    /// Slippage models.
    pub slippage: Vec<SlippageComponent>,
    /// Fee models.
    pub fees: Vec<FeeComponent>,
    /// Queue models.
    pub queue: Vec<QueueComponent>,
    /// Synthetic generators.
    pub synthetic: Vec<SynthComponent>,
    /// Incidents.
    pub incidents: Vec<IncidentComponent>,
}

impl Registry {
    /// What comes with Tapedeck.
    pub fn standard() -> Self {
        Self {
            strategies: tapedeck_strategies::components().to_vec(),
            risk: risk::components().to_vec(),
            latency: venue::latency_components().to_vec(),
            slippage: venue::slippage_components().to_vec(),
            fees: venue::fee_components().to_vec(),
            queue: venue::queue_components().to_vec(),
            synthetic: tapedeck_synth::components().to_vec(),
            incidents: incident_components().to_vec(),
        }
    }

    /// With one more strategy; it replaces a strategy of the same name.
    #[must_use]
    pub fn with_strategy(mut self, component: StrategyComponent) -> Self {
        self.strategies.retain(|known| known.name != component.name);
        self.strategies.push(component);
        self
    }

    /// The members of a family, in order of registration.
    pub fn described(&self, family: Family) -> Vec<Described> {
        macro_rules! described {
            ($list:expr) => {
                $list.iter().map(|c| Described { name: c.name, help: c.help, params: c.params }).collect()
            };
        }
        match family {
            Family::Strategies => described!(self.strategies),
            Family::Risk => described!(self.risk),
            Family::Latency => described!(self.latency),
            Family::Slippage => described!(self.slippage),
            Family::Fees => described!(self.fees),
            Family::Queue => described!(self.queue),
            Family::Synthetic => described!(self.synthetic),
            Family::Incidents => described!(self.incidents),
        }
    }
}
