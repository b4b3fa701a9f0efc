//! What a row of the table says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sandmill::plan::Reuse;
use serde::Deserialize;

/// All rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suite {
    /// Forms of stage that a language does not have, and why.
    #[serde(default)]
    lacks: BTreeMap<Form, BTreeMap<String, String>>,
    pub(super) case: Vec<Case>,
}

/// Which of a language's stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// A stage with state, whose records say what is to become of them.
    #[default]
    Hello,
    /// A function of text.
    Text,
    /// A function of bytes.
    Bytes,
    /// A function of a type of the language, read from JSON.
    Json,
}

/// What goes in, and what must become of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default)]
    pub(super) stage: Form,
    #[serde(default)]
    pub(super) input: Vec<Record>,
    /// A long record, or many of one kind, in place of `input`.
    pub(super) repeat: Option<Repeat>,
    /// The numbers up to this, in place of `input`.
    pub(super) numbers: Option<u64>,
    /// Default: the prefix `p:`, or nothing for records of JSON.
    pub(super) config: Option<String>,
    /// How long an instance lives; default: for a batch.
    pub(super) reuse: Option<Reuse>,
    /// Records of a batch.
    pub(super) batch: Option<usize>,
    /// Time for a record.
    pub(super) cpu_ms: Option<u64>,
    /// Memory of an instance.
    pub(super) memory_mib: Option<u64>,
    /// What reaches the first output, all of it, in order.
    pub(super) output: Option<Vec<Record>>,
    /// Or these: where a batch was cut, because the machine was so busy that the call before took long.
    pub(super) or_output: Option<Vec<Record>>,
    /// The same, as JSON: equal as values, whatever their texts.
    pub(super) json: Option<Vec<String>>,
    /// What each output is.
    pub(super) each: Option<String>,
    pub(super) output_count: Option<usize>,
    pub(super) output_bytes: Option<usize>,
    /// A limit that is named in the dead letter will do, too.
    #[serde(default)]
    pub(super) or_limit: bool,
    /// A failure in place of an output will do, too.
    #[serde(default)]
    pub(super) or_failure: bool,
    /// What reaches the second output.
    #[serde(default)]
    pub(super) second: Vec<String>,
    pub(super) keys: Option<Vec<String>>,
    /// What each output has in it.
    pub(super) holds: Option<String>,
    /// All that fails.
    #[serde(default)]
    pub(super) failed: Vec<Failed>,
    /// How many fail, in place of `failed`.
    pub(super) failed_count: Option<usize>,
    /// Texts that the log must hold, each in a line of its own.
    #[serde(default)]
    pub(super) logs: Vec<String>,
    pub(super) levels: Option<Vec<String>>,
    /// What the error must say, when the stage does not open.
    pub(super) refused: Option<String>,
    /// A stage that does not open will do, too, with an error that says this.
    pub(super) or_refused: Option<String>,
    /// What the error must say with which the run ends.
    pub(super) aborted: Option<String>,
    /// Two runs have the same outputs and failures, byte for byte.
    #[serde(default)]
    pub(super) twice: bool,
    /// No failure may be one that ended its instance.
    #[serde(default)]
    pub(super) no_traps: bool,
    /// Languages for which the case means something else.
    #[serde(default)]
    except: BTreeMap<String, String>,
}

/// A record of the input, or of an output.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Record {
    Text(String),
    Hex { hex: String },
    Keyed { key: String, value: String },
    Nested { nested: [String; 2], times: usize, within: [String; 2] },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    pub(super) text: String,
    pub(super) times: usize,
    #[serde(default = "one")]
    pub(super) records: usize,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    /// The record; where only one fails, it need not be said.
    pub(super) record: Option<String>,
    pub(super) says: Option<String>,
    pub(super) says_one_of: Option<Vec<String>>,
    /// The whole of its message.
    pub(super) is: Option<String>,
    pub(super) attempts: Option<u64>,
}

impl Suite {
    /// The rows of a form.
    pub(super) fn of(&self, form: Form) -> impl Iterator<Item = &Case> {
        self.case.iter().filter(move |case| case.stage == form)
    }

    /// Why the case means something else in this language.
    pub(super) fn exception<'a>(&'a self, case: &'a Case, language: &str) -> Option<&'a String> {
        case.except.get(language).or_else(|| self.lacks.get(&case.stage)?.get(language))
    }

    /// All lines of the page.
    pub(super) fn rows(&self) -> String {
        self.case.iter().map(|case| self.row(case)).collect::<Vec<_>>().join("\n")
    }

    /// A line of the page: the case, and the languages where it means something else, by their reasons.
    pub(super) fn row(&self, case: &Case) -> String {
        let lacks = self.lacks.get(&case.stage).into_iter().flatten();
        let mut reasons = BTreeMap::<&str, Vec<&str>>::new();
        for (language, why) in lacks.chain(&case.except).collect::<BTreeMap<_, _>>() {
            reasons.entry(why).or_default().push(language);
        }
        let except: Vec<String> =
            reasons.into_iter().map(|(why, languages)| format!("{}: {why}", languages.join(", "))).collect();
        let except = if except.is_empty() { "all".to_owned() } else { format!("all but {}", except.join("; ")) };
        format!("| {} | {except} |", case.name)
    }
}

impl Form {
    pub(super) const ALL: [Self; 4] = [Self::Hello, Self::Text, Self::Bytes, Self::Json];

    /// Where a stage of this form is, of a language whose subject is in `hello`: the first of these that there is.
    pub(super) fn folders(self, hello: &Path) -> Vec<PathBuf> {
        let beside = |what: &str| {
            hello.with_file_name(format!("{}-{what}", hello.file_name().expect("a folder has a name").display()))
        };
        match self {
            Self::Hello => vec![hello.to_owned()],
            Self::Text => vec![beside("text"), hello.to_owned()],
            Self::Bytes => vec![beside("bytes"), hello.to_owned()],
            Self::Json => vec![beside("json")],
        }
    }
}

impl Case {
    /// Key and value of each record that goes in.
    pub(super) fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let values: Vec<Vec<u8>> = match (&self.repeat, self.numbers) {
            (Some(Repeat { text, times, records }), _) => vec![text.repeat(*times).into_bytes(); *records],
            (None, Some(count)) => (0..count).map(|number| number.to_string().into_bytes()).collect(),
            (None, None) => return self.input.iter().map(|record| (record.key(), record.value())).collect(),
        };
        values.into_iter().map(|value| (Vec::new(), value)).collect()
    }

    pub(super) fn config(&self) -> String {
        let default = if self.stage == Form::Json { "{}" } else { "{\"prefix\":\"p:\"}" };
        self.config.clone().unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn reuse(&self) -> Reuse {
        self.reuse.unwrap_or_default()
    }
}

impl Record {
    fn key(&self) -> Vec<u8> {
        match self {
            Self::Keyed { key, .. } => key.clone().into_bytes(),
            Self::Text(_) | Self::Hex { .. } | Self::Nested { .. } => Vec::new(),
        }
    }

    pub(super) fn value(&self) -> Vec<u8> {
        match self {
            Self::Text(text) | Self::Keyed { value: text, .. } => text.clone().into_bytes(),
            Self::Hex { hex } => hex
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("two digits"))
                .collect(),
            Self::Nested { nested: [open, close], times, within: [before, after] } => {
                [before.as_str(), &open.repeat(*times), &close.repeat(*times), after].concat().into_bytes()
            }
        }
    }
}
