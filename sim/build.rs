//! Names the git revision that the program is built from, for the manifests of runs.
//!
//! It runs again when code of the workspace changed, not at every commit: a commit of something
//! else does not make another program. `-dirty` says that the code was not as in that commit.
//! Outside of a git checkout there is no revision, which is no failure.

use std::path::Path;
use std::process::Command;

/// What the program is made of, relative to the root of the workspace.
const CODE: [&str; 6] = ["Cargo.lock", "adapters", "engine", "reports/src", "sim/src", "strategies"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new("..");
    for path in CODE.map(|path| root.join(path)) {
        // A path that is not there would make Cargo run this each time.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    if root.join(".git").exists()
        && let Some(revision) = revision(root)
    {
        println!("cargo::rustc-env=TAPEDECK_GIT_REVISION={revision}");
    }
}

fn revision(root: &Path) -> Option<String> {
    let hash = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let mut status = vec!["--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(CODE);
    let dirty = if git(root, &status)?.is_empty() { "" } else { "-dirty" };
    Some(format!("{hash}{dirty}"))
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
