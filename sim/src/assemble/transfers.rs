//! Ways for money between venues.

use tapedeck_kernel::spec::Route;
use tapedeck_model::param::ParamError;
use tapedeck_model::port::Leg;
use tapedeck_model::{Amount, VenueIx};

use super::{Builder, Tables};
use crate::scenario::Item;

impl Builder<'_> {
    /// Every way, in the order of the scenario as resolved.
    pub(super) fn routes(&mut self, tables: &Tables) -> Vec<Route> {
        let scenario = self.scenario;
        scenario.transfers.iter().filter_map(|item| self.route(item, tables)).collect()
    }

    fn route(&mut self, item: &Item, tables: &Tables) -> Option<Route> {
        let scenario = self.scenario;
        let venue = |key: &str| -> Option<VenueIx> {
            let name = item.own.text(key)?;
            let at = scenario.venues.iter().position(|venue| venue.own.text("name").as_ref() == Some(&name));
            at.map(|at| VenueIx(at as u16))
        };
        let (from, to, code) = (venue("from")?, venue("to")?, item.own.text("currency")?);
        let fee = item
            .own
            .params
            .decimal("fee")
            .and_then(|fee| Amount::from_decimal(fee).map_err(|error| ParamError::new("fee", error.to_string())));
        let fee = self.take(&item.own, fee)?;
        let names = ["from", "to"].map(|key| item.own.text(key).unwrap_or_default());
        let path = format!("transfer/{}/{}/{code}", names[0], names[1]);
        let time = self.latency((item.parts.get("time"), Leg::ToVenue), &path)?;
        Some(Route { from, to, currency: tables.currency(&code)?, fee, time })
    }
}
