//! Names that mean nothing in a filter, and what to say about them.

use jaq_core::compile::Undefined;

/// Functions of jq that reach what a stage does not, with what to do instead.
const REFUSED: [(&str, &str); 14] = [
    ("now", "a stage has no clock: put the time into the record before it, or into `arguments`"),
    ("env", "a stage has no environment: pass values in `arguments`"),
    ("localtime", "a stage has no time zone: use `gmtime`"),
    ("strflocaltime", "a stage has no time zone: use `strftime`"),
    ("input", "a filter sees one record at a time"),
    ("inputs", "a filter sees one record at a time"),
    ("input_filename", "records have no file here"),
    ("input_line_number", "records have no line here: a dead letter says where its record comes from"),
    ("halt", "a filter cannot end the run: `error(\"…\")` fails the record, `empty` drops it"),
    ("halt_error", "a filter cannot end the run: `error(\"…\")` fails the record"),
    ("get_search_list", "a filter that travels in a pipeline has no modules to import"),
    ("$ENV", "a stage has no environment: pass values in `arguments`"),
    ("$__prog_args", "values come from `arguments`"),
    ("$__loc__", "places in the filter are not kept"),
];

/// Whether the library's function is kept from filters.
pub(crate) fn is_refused(name: &str) -> bool {
    REFUSED.iter().any(|(refused, _)| *refused == name)
}

/// What is said of a name that means nothing.
pub(crate) fn undefined(name: &str, kind: &Undefined) -> String {
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return format!("`{name}` is not there: {why}");
    }
    match (name, kind) {
        ("reduce", Undefined::Filter(arguments)) => format!("`reduce` takes 2 filters, not {arguments}"),
        ("foreach", Undefined::Filter(arguments)) => format!("`foreach` takes 2 or 3 filters, not {arguments}"),
        (_, Undefined::Filter(0)) => {
            format!("there is no function `{name}` without arguments; a text is \"{name}\", a field .{name}")
        }
        (_, Undefined::Filter(1)) => format!("there is no function `{name}` with 1 argument"),
        (_, Undefined::Filter(arguments)) => format!("there is no function `{name}` with {arguments} arguments"),
        (_, kind) => format!("there is no {} `{name}`", kind.as_str()),
    }
}
