//! Incidents with the venues and currencies that they name.

use tapedeck_kernel::incident::{IncidentContext, IncidentSpec};
use tapedeck_model::{Draws, ParamError};

use super::{Builder, Tables, find};

impl Builder<'_> {
    /// Every incident, in the order of the scenario as resolved: by start, then name.
    pub(super) fn incidents(&mut self, tables: &Tables) -> Vec<IncidentSpec> {
        let venues: Vec<String> = self.scenario.venues.iter().filter_map(|item| item.own.text("name")).collect();
        let mut list = Vec::new();
        for item in &self.scenario.incidents {
            let Some(chosen) = &item.inline else { continue };
            let Some(component) = find(&self.registry.incidents, &chosen.name) else { continue };
            let name = item.own.text("name").unwrap_or_default();
            let draws = Draws::new(self.seed, &format!("incident/{name}"));
            let context = IncidentContext {
                venues: &venues,
                currencies: &tables.currencies,
                instruments: &tables.instruments,
                draws,
            };
            let built = (component.build)(&chosen.section.params, &context);
            let Some((what, duration)) = self.take(&chosen.section, built) else { continue };
            let start = item.own.params.time("start");
            let Some(start) = self.take(&item.own, start) else { continue };
            let until = start.checked_add(duration).ok_or_else(|| ParamError::new("start", "is too late"));
            let Some(until) = self.take(&item.own, until) else { continue };
            list.push(IncidentSpec { name, start, until, what });
        }
        list
    }
}
