//! What is wrong with a scenario, and how a person sees it.
//!
//! A [`Problem`] knows its place; [`Problems`] knows the texts and prints every one of them with
//! the line, a label and a help.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::document::Place;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Stable code, for example `scenario::unknown_key`.
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where.
    pub place: Place,
    /// Text at the place.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// With the label `here`.
    pub fn new(code: &'static str, message: impl Into<String>, place: Place) -> Self {
        Self { code, message: message.into(), place, label: "here".to_owned(), help: None }
    }

    /// With a text at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The texts that places point into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// The scenario's name, as given on the command line.
    pub file: String,
    /// The scenario's text.
    pub text: String,
    /// The overrides, as given on the command line.
    pub overrides: Vec<String>,
}

/// Everything that is wrong with a scenario; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems {
    texts: Arc<Texts>,
    list: Vec<Problem>,
}

impl Problems {
    /// Of these texts, in the order of their places.
    pub fn new(texts: Arc<Texts>, mut list: Vec<Problem>) -> Self {
        assert!(!list.is_empty(), "problems are reported when there are some");
        list.sort_by_key(|problem| match &problem.place {
            Place::File(span) => (0, span.start),
            Place::Override(number) => (1, *number),
            Place::Nowhere => (2, 0),
        });
        Self { texts, list }
    }

    /// Every problem, in order.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The line in the scenario, from 1, where it stands there.
    pub fn line(&self, problem: &Problem) -> Option<usize> {
        let Place::File(span) = &problem.place else { return None };
        let before = self.texts.text.get(..span.start.min(self.texts.text.len()))?;
        Some(before.matches('\n').count() + 1)
    }

    /// As a person reads them; with colors for a terminal.
    pub fn render(&self, colors: Colors) -> String {
        let theme = match colors {
            Colors::On => GraphicalTheme::unicode(),
            Colors::Off => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let mut out = String::new();
        for problem in &self.list {
            let report = self.report(problem);
            // Writing into a `String` cannot fail.
            let _ = handler.render_report(&mut out, report.as_ref());
        }
        let count = self.list.len();
        if count > 1 {
            let _ = writeln!(out, "{count} problems in {}", self.texts.file);
        }
        out
    }

    fn report(&self, problem: &Problem) -> Report {
        let mut diagnostic = MietteDiagnostic::new(problem.message.clone()).with_code(problem.code);
        if let Some(help) = &problem.help {
            diagnostic = diagnostic.with_help(help.clone());
        }
        let labeled = |start: usize, end: usize| LabeledSpan::new(Some(problem.label.clone()), start, end - start);
        match &problem.place {
            Place::File(span) => {
                let end = span.end.min(self.texts.text.len());
                diagnostic = diagnostic.with_label(labeled(span.start.min(end), end));
                Report::from(diagnostic).with_source_code(NamedSource::new(&self.texts.file, self.texts.text.clone()))
            }
            Place::Override(number) => {
                let text = self.texts.overrides.get(*number).cloned().unwrap_or_default();
                diagnostic = diagnostic.with_label(labeled(0, text.len()));
                Report::from(diagnostic).with_source_code(NamedSource::new("--set", text))
            }
            Place::Nowhere => {
                diagnostic.message = format!("{}: {}", self.texts.file, diagnostic.message);
                Report::from(diagnostic)
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colors::Off))
    }
}

impl std::error::Error for Problems {}

/// Whether text is colored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// For a terminal.
    On,
    /// For a file or a pipe.
    Off,
}

/// The word that was probably meant, of those that are known.
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&found.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// Advice about an unknown word: the one that was probably meant, or all there are.
pub fn suggest<'a>(found: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match did_you_mean(found, known.clone()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
