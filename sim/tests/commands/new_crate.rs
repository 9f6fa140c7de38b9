//! `sim new`: the crate that it writes compiles and runs its own scenario.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Said, Stage};

/// The build is the user's own, but for settings under which the crates that the workspace has
/// compiled already can be used again, and ours need no optimising.
const SETTINGS: &str = "
[profile.dev.package.\"*\"]
opt-level = 2
debug = false
";

const OURS: [&str; 9] = [
    "tapedeck",
    "tapedeck-catalog",
    "tapedeck-journal",
    "tapedeck-kernel",
    "tapedeck-live",
    "tapedeck-model",
    "tapedeck-reports",
    "tapedeck-strategies",
    "tapedeck-synth",
];

#[test]
fn the_new_crate_compiles_and_runs_its_own_scenario() {
    let stage = Stage::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sim = here.to_str().unwrap();
    stage.sim(&["new", "mine", "--path-dependency", sim]).check(0, &["mine is written"]);
    stage.sim(&["new", "mine", "--path-dependency", sim]).check(2, &["mine exists"]);
    // The versions that the workspace was built with are there without the network.
    fs::copy(here.join("../Cargo.lock"), stage.path("mine/Cargo.lock")).unwrap();
    let ours = OURS.map(|name| format!("[profile.dev.package.{name}]\nopt-level = 0\n"));
    stage.write("settings.toml", &format!("{SETTINGS}{}", ours.concat()));
    // Beside the workspace's own output. Cargo lets go of its lock before it starts a test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--config", "../settings.toml", "--target-dir"])
        .arg(target)
        .current_dir(stage.path("mine"))
        .output()
        .unwrap();
    Said::from(built).check(0, &[]);
    let ran = Command::new(target.join("debug/mine"))
        .args(["run", "--json", "scenario.toml"])
        .current_dir(stage.path("mine"))
        .output()
        .unwrap();
    Said::from(ran).check(0, &["\"scenario\":\"breakout\""]);
}
