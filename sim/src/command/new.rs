//! `sim new NAME`: a crate with a strategy of one's own.

use std::fs;
use std::path::PathBuf;

use super::print_out;
use crate::failure::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the crate, which is also its folder.
    name: String,
    /// The `sim` folder of a Tapedeck source tree to depend on; default: the one this program was built from.
    #[arg(long, value_name = "DIR")]
    path_dependency: Option<PathBuf>,
}

const MAIN: &str = include_str!("new/main.rs.txt");
const STRATEGY: &str = include_str!("new/strategy.rs.txt");
const SCENARIO: &str = include_str!("new/scenario.toml.txt");

/// Writes the crate.
///
/// # Errors
/// [`Failure::Input`] for a bad name or a folder that is there already.
pub fn new_crate(args: &Args) -> Result<(), Failure> {
    let name = &args.name;
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)) {
        let help = "use lower-case letters, digits, `-` and `_`, starting with a letter";
        return Err(Failure::input_with_help(format!("`{name}` cannot be the name of a crate"), help));
    }
    let folder = PathBuf::from(name);
    if folder.exists() {
        return Err(Failure::input_with_help(format!("{name} exists"), "choose another name"));
    }
    let dependency = args.path_dependency.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    if !dependency.join("Cargo.toml").exists() {
        let help = "give the `sim` folder of a Tapedeck source tree with --path-dependency";
        return Err(Failure::input_with_help(format!("there is no crate in {}", dependency.display()), help));
    }
    let dependency = std::path::absolute(&dependency).map_err(|error| Failure::file(&dependency, "find", &error))?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\ntapedeck = {{ path = {:?} }}\n\n\
         # It stands on its own, wherever it lies.\n[workspace]\n\n\
         [profile.release]\noverflow-checks = true\n",
        dependency.display().to_string()
    );
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::write(&path, text).map_err(|error| Failure::file(&path, "write", &error))
    };
    fs::create_dir_all(folder.join("src")).map_err(|error| Failure::file(&folder, "create", &error))?;
    write("Cargo.toml", &manifest)?;
    write("src/main.rs", MAIN)?;
    write("src/strategy.rs", STRATEGY)?;
    write("scenario.toml", SCENARIO)?;
    write(".gitignore", "/target\n/runs\n")?;
    print_out(&format!("{name} is written. Try:\n  cd {name}\n  cargo run --release -- run scenario.toml\n"))
}
