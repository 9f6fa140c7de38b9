//! `sim data synth SCENARIO`.

use std::path::PathBuf;

use tapedeck_catalog::FileLayout;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Chunk, Source, SourceError};

use super::refused;
use crate::assemble::data_set::{Origin, data_set};
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::load::load;
use crate::registry::Registry;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario file.
    scenario: PathBuf,
    /// Name of the `[[data]]`, for example `BTCUSD.SIM/bars`; may be left out if there is one.
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    /// The Parquet file to write; one that is there is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How columns are typed.
    #[arg(long, value_enum, default_value_t = Layout::Catalog)]
    layout: Layout,
    /// Overrides a key, for example `scenario.end=2024-02-01`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Overrides the seed.
    #[arg(long)]
    seed: Option<u64>,
}

/// How columns are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// Exact decimals.
    Catalog,
    /// 64-bit floats, for other programs.
    Float,
}

/// Writes the data.
///
/// # Errors
/// [`Failure`]; the file is then as it was.
pub fn synth(args: &Args, registry: &Registry) -> Result<(), Failure> {
    interrupt::listen()?;
    let mut overrides = args.set.clone();
    overrides.extend(args.seed.map(|seed| format!("scenario.seed={seed}")));
    let loaded = load(&args.scenario, &overrides, registry)?;
    let set = data_set(&loaded.scenario, registry, &loaded.base_dir, args.data.as_deref())?;
    let Origin::Generator(inner) = set.origin else {
        let help = "copy files into a catalog with `sim data import --scenario`";
        return Err(Failure::input_with_help("these data are read from files, not made", help));
    };
    let layout = match args.layout {
        Layout::Catalog => FileLayout::Catalog,
        Layout::Float => FileLayout::Float,
    };
    let mut source = Stoppable { inner };
    let written = tapedeck_catalog::write_source(&mut source, &set.instrument, set.kind, &args.out, layout);
    interrupt::check()?;
    let written = written.map_err(refused)?;
    print_out(&format!(
        "{}: {} {} of {}, {} .. {}, {} bytes\n",
        args.out.display(),
        written.rows,
        set.kind.text(),
        set.instrument.id,
        written.first,
        written.last,
        written.bytes
    ))
}

/// A source that ends with an error when Ctrl-C is pressed, so that the writer cleans up.
struct Stoppable {
    inner: Box<dyn Source>,
}

impl Source for Stoppable {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        if interrupt::check().is_err() {
            return Err(SourceError::File { file: "data".to_owned(), problem: "interrupted".to_owned() });
        }
        self.inner.next_chunk(chunk)
    }

    fn content_hash(&self) -> [u8; 32] {
        self.inner.content_hash()
    }

    fn issues(&self) -> DataIssues {
        self.inner.issues()
    }
}
