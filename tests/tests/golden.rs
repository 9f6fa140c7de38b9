//! Golden fingerprints of the shipped scenarios, in `scenarios/fingerprints.txt`. A changed line is a
//! change of results and belongs in the changelog. `TAPEDECK_BLESS=1 cargo test -p tapedeck-tests
//! --test golden` rewrites the file; the difference is to be reviewed.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeMap;
use std::fs;

use tapedeck_tests::{play, root, shared};

/// Scenarios that need data from outside of the repository, and which.
const OUTSIDE: &[(&str, &str)] = &[("btc_perp_2022", "data/nautilus/btc-perp-20211231-20220201_1m.csv")];

fn committed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("scenarios/fingerprints.txt")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, print)| (name.to_owned(), print.to_owned())).collect()
}

#[test]
fn the_shipped_scenarios_give_their_committed_fingerprints() {
    let mut found = BTreeMap::new();
    let mut left_out = Vec::new();
    let mut files: Vec<_> = fs::read_dir(root().join("scenarios"))
        .expect("the scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    for path in files {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let outside = OUTSIDE.iter().find(|(scenario, _)| *scenario == name);
        if outside.is_some_and(|(_, data)| shared(data).is_none()) {
            left_out.push(name);
            continue;
        }
        let played = play(&fs::read_to_string(&path).expect("a scenario"));
        assert!(played.summary.counts.fills > 0, "{name} trades");
        found.insert(name, played.fingerprint);
    }
    let committed = committed();
    if std::env::var_os("TAPEDECK_BLESS").is_some() {
        let mut text = "# Fingerprints of the shipped scenarios; see tests/tests/golden.rs.\n".to_owned();
        let kept = committed.iter().filter(|(name, _)| left_out.contains(name));
        for (name, print) in found.iter().chain(kept).collect::<BTreeMap<_, _>>() {
            text.extend([name, " ", print, "\n"]);
        }
        fs::write(root().join("scenarios/fingerprints.txt"), text).expect("the folder can be written");
        return;
    }
    let expected: BTreeMap<_, _> = committed.into_iter().filter(|(name, _)| !left_out.contains(name)).collect();
    assert_eq!(found, expected);
}
