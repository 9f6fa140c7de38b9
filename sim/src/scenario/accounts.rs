//! Which section says what about which account.
//!
//! With one venue `[account]` tells of its account, or the `[[venue]]` itself does. With several venues
//! each has an account of its own, told in its `[[venue]]`, and there is no `[account]`: a deposit that names
//! no venue could mean several things.

use super::Scenario;
use super::layout::{ACCOUNT, ACCOUNT_TERMS, VENUE_ACCOUNT};
use super::problem::Problem;
use super::section::{Item, Section};

/// The section that tells of an account.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The section.
    pub own: &'a Section,
    /// Its key for the kind of account.
    pub kind_key: &'static str,
    /// Its header.
    pub header: &'static str,
    /// The venue whose account it is; `None` for that of the only venue.
    pub venue: Option<&'a Item>,
}

impl Account<'_> {
    /// Spot, netting or margin.
    pub fn kind(&self) -> Option<String> {
        self.own.text(self.kind_key)
    }

    /// Whether an instrument is traded from it.
    pub fn trades(&self, instrument: &Item) -> bool {
        self.venue.is_none_or(|venue| venue.own.text("name") == instrument.own.text("venue"))
    }

    /// How to write a kind of account.
    pub fn write_kind(&self, kind: &str) -> String {
        format!("`{} = \"{kind}\"` in {}", self.kind_key, self.header)
    }
}

impl Scenario {
    /// Whether accounts are told of in `[[venue]]`.
    pub fn has_venue_accounts(&self) -> bool {
        self.venues.len() > 1 || self.venues.iter().any(|venue| is_told_by(&venue.own))
    }

    /// Every account: one for each venue, by its place in the list.
    pub fn accounts(&self) -> Vec<Account<'_>> {
        if !self.has_venue_accounts() {
            return vec![Account { own: &self.account.own, kind_key: "kind", header: "[account]", venue: None }];
        }
        let of = |venue| self.account_at(venue);
        self.venues.iter().map(of).collect()
    }

    /// The account at a venue.
    pub fn account_at<'a>(&'a self, venue: &'a Item) -> Account<'a> {
        if self.has_venue_accounts() {
            Account { own: &venue.own, kind_key: "account", header: "[[venue]]", venue: Some(venue) }
        } else {
            Account { own: &self.account.own, kind_key: "kind", header: "[account]", venue: None }
        }
    }

    /// The account from which an instrument is traded, if its venue is there.
    pub fn account_of<'a>(&'a self, instrument: &Item) -> Option<Account<'a>> {
        self.accounts().into_iter().find(|account| account.trades(instrument))
    }
}

/// Whether a venue's section tells of its account.
fn is_told_by(venue: &Section) -> bool {
    VENUE_ACCOUNT.iter().chain(ACCOUNT_TERMS).any(|spec| venue.given(spec.name))
}

/// Every account is told of once, with the money that is put in.
pub fn check_told_once(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let general = &scenario.account.own;
    if !scenario.has_venue_accounts() {
        // A section that is missing altogether is already reported.
        if !general.given("deposits") && ACCOUNT.keys().any(|spec| general.given(spec.name)) {
            let problem = Problem::new("scenario::missing_key", "`account` needs `deposits`", general.place.clone());
            let help = "Money put in at the start (currency units)";
            problems.push(problem.label("`deposits` is missing").help(help));
        } else if !general.given("deposits") {
            let problem =
                Problem::new("scenario::missing_section", "[account] is missing", super::document::Place::Nowhere);
            problems.push(problem.help("The account that all strategies share. See `sim list scenario`."));
        }
        return;
    }
    if let Some(spec) = ACCOUNT.keys().find(|spec| general.given(spec.name)) {
        let (message, help) = if scenario.venues.len() > 1 {
            let message = format!("`{}` of [account]: of which account? Each venue has one of its own", spec.name);
            (message, "write `account`, `deposits` and the like into each [[venue]], and remove [account]")
        } else {
            let message = format!("`{}` of [account]: the account is told of in [[venue]] already", spec.name);
            (message, "keep one of them")
        };
        let problem = Problem::new("scenario::combination", message, general.place_of(spec.name));
        problems.push(problem.help(help));
    }
    for venue in scenario.venues.iter().filter(|venue| !venue.own.given("deposits")) {
        let problem = Problem::new("scenario::missing_key", "`venue` needs `deposits`", venue.own.place.clone());
        let help = "write what is put into this venue's account, for example `deposits = { USD = \"10000\" }`; \
                    `deposits = {}` for nothing";
        problems.push(problem.label("`deposits` is missing").help(help));
    }
}
