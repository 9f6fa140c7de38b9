//! Style as a test: borders between crates, sizes, banned names and calls.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate of the workspace may depend on, by name without `tapedeck-`.
/// `model <- journal <- kernel`; nothing depends on `sim`, but the tests and benches.
const BORDERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("journal", &["model"]),
    ("kernel", &["model", "journal"]),
    ("strategies", &["model"]),
    ("synth", &["model"]),
    ("catalog", &["model"]),
    ("quality", &["model", "catalog"]),
    // The live driver is the second driver of the kernel.
    ("live", &["model", "journal", "kernel"]),
    ("reports", &["model", "journal"]),
    ("tapedeck", &["model", "journal", "kernel", "strategies", "catalog", "quality", "synth", "live", "reports"]),
];

/// Folders of the repository that hold our code.
const CODE: &[&str] = &["engine", "strategies", "adapters", "reports", "sim", "tests", "benches"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live one folder below the root").to_owned()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file of ours with its path relative to the root and its text.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for folder in CODE {
        rust_files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 30, "the tidy test found only {} files", found.len());
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\nmod ").map_or(text, |(code, _)| code)
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn crates_depend_only_inwards() {
    let metadata =
        MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("cargo metadata");
    let borders: BTreeMap<&str, &[&str]> = BORDERS.iter().copied().collect();
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        let name = package.name.trim_start_matches("tapedeck-");
        if matches!(name, "tests" | "benches") {
            continue;
        }
        let Some(allowed) = borders.get(name) else {
            complaints.push(format!("crate {} has no border in this test", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let Some(ours) = dependency.name.strip_prefix("tapedeck") else { continue };
            let ours = ours.trim_start_matches('-');
            if !allowed.contains(&ours) {
                complaints.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_third_party_crate_says_what_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace manifest");
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("workspace dependencies");
    let section = section.split("\n[").next().expect("a section");
    let mut complaints = Vec::new();
    let mut reason = false;
    for line in section.lines() {
        if line.starts_with('#') {
            reason = true;
        } else if let Some((name, value)) = line.split_once(" = ") {
            let ours = name.starts_with("tapedeck");
            if !ours && !reason {
                complaints.push(format!("{name} has no line above it that says what for"));
            }
            if !ours && !value.contains("default-features = false") {
                complaints.push(format!("{name} takes default features"));
            }
            reason &= name.starts_with("arrow-");
        }
    }
    assert_none(&complaints);
}

#[test]
fn files_are_readable_in_one_sitting() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let lines = if is_test(&path) { text.lines().count() } else { without_tests(&text).lines().count() };
        if lines > 1000 {
            complaints.push(format!("{path}: {lines} lines, stop at 1000"));
        }
        if path.ends_with("/mod.rs") {
            complaints.push(format!("{path}: use foo.rs beside foo/"));
        }
        let stem = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if ["utils", "util", "helpers", "helper", "common", "misc", "manager"].contains(&stem) {
            complaints.push(format!("{path}: the name says nothing"));
        }
    }
    assert_none(&complaints);
}

/// Calls that must not stand in the deterministic part, and where they are allowed all the same.
#[test]
fn the_deterministic_part_has_no_door_to_the_world() {
    let banned = [
        "SystemTime::now",
        "Instant::now",
        "thread::spawn",
        "std::env::",
        "env::var",
        "std::fs",
        "std::net",
        "HashMap",
        "HashSet",
        "thread_rng",
        "from_os_rng",
        "from_entropy",
        "println!",
        "eprintln!",
        "dbg!",
        "todo!",
        "unimplemented!",
    ];
    let transcendental = [".ln(", ".exp(", ".powf(", ".sin(", ".cos(", ".tanh(", ".log10(", ".log2(", ".cbrt("];
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let deterministic = path.starts_with("engine/") || path.starts_with("strategies/");
        let generator = path.starts_with("adapters/synth/");
        if is_test(&path) || !(deterministic || generator) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in banned.iter().chain(&transcendental).filter(|word| code.contains(**word)) {
                complaints.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn nothing_is_left_lying_about() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        if path == "tests/tests/tidy.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let place = format!("{path}:{}", number + 1);
            for word in ["TODO", "FIXME", "XXX", "#[ignore", "dbg!(", "todo!(", "unimplemented!("] {
                if line.contains(word) {
                    complaints.push(format!("{place}: {word}"));
                }
            }
            let glob = line.trim_start().starts_with("use ") && line.trim_end().ends_with("::*;");
            let of_tests = is_test(&path);
            let allowed = line.contains("super::*") || line.contains("prelude::*") || of_tests;
            if glob && !allowed {
                complaints.push(format!("{place}: glob import"));
            }
            let unsafe_code = line.contains("unsafe {") || line.contains("unsafe impl") || line.contains("unsafe fn");
            if unsafe_code && !text.contains("// SAFETY:") {
                complaints.push(format!("{place}: unsafe without a reason"));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn modules_of_the_kernel_do_not_know_each_other() {
    let free = ["account", "clock", "market", "oms", "risk", "venue", "host", "merge"];
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let Some(rest) = path.strip_prefix("engine/kernel/src/") else { continue };
        let own = rest.split(['/', '.']).next().unwrap_or_default();
        if !free.contains(&own) {
            continue;
        }
        for other in free.iter().filter(|other| **other != own) {
            for (number, line) in without_tests(&text).lines().enumerate() {
                if line.contains(&format!("crate::{other}")) {
                    complaints.push(format!("{path}:{}: {own} imports {other}", number + 1));
                }
            }
        }
    }
    assert_none(&complaints);
}
