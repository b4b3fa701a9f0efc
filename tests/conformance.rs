//! What every SDK must do: the same stages in each language (`guest-sdk/<language>/hello` and those beside it), one list of
//! cases (`tests/conformance/cases.toml`). The page `docs/languages.md` holds the outcome.
//!
//! A language whose toolchain is not on this machine is left out, and named. With `SANDMILL_ALL_LANGUAGES` that is an error.
//! `SANDMILL_ONLY_LANGUAGE=go` tries one, and `SANDMILL_TIMES=1` tells how long each case takes.

mod case;
mod judge;
mod run;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandmill::build::{self, BuildOptions, Presence};
use sandmill::record::{Column, Payload};
use tokio::task::JoinSet;

use self::case::{Case, Form, Suite};

const PAGE: &str = "docs/languages.md";

/// The SDKs, each with the language's name and the folder of its subject. Beside `hello` there are `hello-text`,
/// `hello-bytes` and `hello-json`: what their records are. `hello` itself stands in for the first or the second.
const SUBJECTS: &[(&str, &str)] = &[
    ("rust", "rust/hello"),
    ("python", "python/hello"),
    ("javascript", "javascript/hello"),
    ("typescript", "javascript/hello-ts"),
    ("go", "go/hello"),
    ("c", "c/hello"),
    ("cpp", "cpp/hello"),
    ("zig", "zig/hello"),
    ("assemblyscript", "assemblyscript/hello"),
    ("ruby", "ruby/hello"),
];

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk")
}

fn said(error: &sandmill::Error) -> String {
    format!("{error}: {}", error.causes().join(": "))
}

/// Languages whose toolchain is not on this machine.
pub(crate) fn left_out() -> BTreeSet<&'static str> {
    let tools = build::tools().expect("a sound environment");
    let missing = tools.iter().filter(|tool| tool.presence == Presence::Missing).map(|tool| tool.language);
    let all = std::env::var_os("SANDMILL_ALL_LANGUAGES").is_some();
    let missing: BTreeSet<&str> = missing.collect();
    assert!(!all || missing.is_empty(), "no toolchain for {missing:?}: sandmill toolchain install --all");
    missing
}

/// The languages that are tried on this machine.
#[expect(clippy::print_stderr, reason = "the person who runs the tests is to know what is left out")]
fn tried() -> Vec<(&'static str, &'static str)> {
    let missing = left_out();
    let (tried, others): (Vec<_>, Vec<_>) = SUBJECTS
        .iter()
        .copied()
        .partition(|(language, folder)| !missing.contains(language) && sdk().join(folder).exists());
    for (language, _) in others {
        eprintln!("left out: {language}, whose toolchain is not on this machine");
    }
    tried
}

/// The component of the stage in this form, or why there is none; none at all where the language has no such stage.
async fn built(folder: &'static str, form: Form) -> Option<Result<PathBuf, String>> {
    let folder = form.folders(&sdk().join(folder)).into_iter().find(|folder| folder.exists())?;
    let build = move || {
        let options = BuildOptions { offline: true, ..BuildOptions::default() };
        build::build(&folder, &options, &mut |_| {}).map(|built| built.component).map_err(|error| said(&error))
    };
    Some(tokio::task::spawn_blocking(build).await.expect("a build does not panic"))
}

/// Every row of the table, in one language. What went wrong.
#[expect(clippy::print_stderr, reason = "for whoever asks how long each case takes")]
async fn tried_in(language: &'static str, folder: &'static str, suite: Arc<Suite>) -> Vec<String> {
    let mut wrong = Vec::new();
    for form in Form::ALL {
        let cases: Vec<&Case> = suite.of(form).filter(|case| suite.exception(case, language).is_none()).collect();
        if cases.is_empty() {
            continue;
        }
        let component = match built(folder, form).await {
            Some(Ok(component)) => component,
            Some(Err(why)) => {
                wrong.push(format!("{language}: {form:?}: {why}"));
                continue;
            }
            None => {
                wrong.push(format!("{language}: there is no stage for \"{}\"", cases[0].name));
                continue;
            }
        };
        for case in cases {
            let begun = tokio::time::Instant::now();
            if let Err(why) = case.run(&component).await {
                wrong.push(format!("{language}: {}: {why}", case.name));
            }
            if std::env::var_os("SANDMILL_TIMES").is_some() {
                eprintln!("{language}: {}: {:?}", case.name, begun.elapsed());
            }
        }
    }
    wrong
}

/// Every row of the table, in every language of this machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_language_gives_every_record_its_fate() {
    let suite: Arc<Suite> = Arc::new(toml::from_str(include_str!("conformance/cases.toml")).expect("cases"));
    let only = std::env::var("SANDMILL_ONLY_LANGUAGE").ok();
    let mut languages = JoinSet::new();
    for (language, folder) in tried() {
        if only.as_deref().is_none_or(|only| only == language) {
            languages.spawn(tried_in(language, folder, Arc::clone(&suite)));
        }
    }
    let mut wrong: Vec<String> = languages.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    is_on_the_page(&suite);
}

/// The table of the page is that of the suite. `BLESS=1` writes it.
fn is_on_the_page(suite: &Suite) {
    const HEAD: &str = "| case | languages |\n|---|---|\n";
    let path = sdk().join("..").join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(HEAD).expect("a table");
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    let rows = suite.rows() + "\n";
    if rest[..end] == rows {
        return;
    }
    assert!(std::env::var_os("BLESS").is_some(), "{PAGE} does not hold the table of cases: run with BLESS=1");
    std::fs::write(&path, [before, HEAD, &rows, &rest[end..]].concat()).expect("the page");
}

/// No run gives a stage a batch without records, or ends one that had none; whoever embeds the components may.
#[tokio::test]
async fn an_empty_batch_has_an_empty_outcome_in_every_language() {
    let empty = || Payload::of_values(Column::default());
    for (language, folder) in tried() {
        for form in Form::ALL {
            let Some(component) = built(folder, form).await else { continue };
            let component = component.unwrap_or_else(|why| panic!("{language}: {why}"));
            for batches in [vec![], vec![empty()], vec![empty(), empty()]] {
                let outcomes = sandmill::fuzzing::call_stage(&component, "{}", &batches).await;
                let outcomes = outcomes.unwrap_or_else(|why| panic!("{language} {form:?}: {why}"));
                assert_eq!(outcomes.len(), batches.len() + 1, "one for each batch, and one of `flush`");
                for outcome in outcomes {
                    assert!(
                        outcome.emitted.is_empty() && outcome.failures.is_empty(),
                        "{language} {form:?}: {outcome:?}"
                    );
                }
            }
        }
    }
}
