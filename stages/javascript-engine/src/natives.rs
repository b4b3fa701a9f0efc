//! What a bundle finds in the global object `sandmill`: its log, random numbers, and work on whole columns, which takes a
//! script hundreds of times as long.
#![expect(unsafe_code, reason = "the engine calls it")]

use std::ffi::CStr;
use std::str;

use quickjs::sys as js;
use quickjs::{Context, Thrown, Value, argument};

use crate::column::Column;
use crate::host::{self, LEVELS};
use crate::json::Json;
use crate::texts::{Input, Work};

const HALF_A_PAIR: &str = "the output has half a surrogate pair: it cannot be written as UTF-8";
/// Random numbers that are asked for at once.
const RANDOM_BYTES_MAX: u32 = 64 << 10;

/// A function for scripts: its name, itself, and how many arguments it has.
macro_rules! native {
    ($name:literal, $function:path, $arguments:literal) => {{
        unsafe extern "C" fn called(
            context: *mut js::JSContext,
            _: js::JSValue,
            count: i32,
            arguments: *mut js::JSValue,
        ) -> js::JSValue {
            let context = Context(context);
            // SAFETY: the engine gives as many as it says.
            let arguments = std::array::from_fn(|index| unsafe { argument(context, count, arguments, index) });
            given::<$arguments>(context, &arguments, $function)
        }
        ($name, Some(called), $arguments)
    }};
}

const NATIVES: &[(&CStr, js::JSCFunction, i32)] = &[
    native!(c"log", log, 2),
    native!(c"write", write, 2),
    native!(c"panicked", panicked, 2),
    native!(c"random", random, 1),
    native!(c"texts", texts, 1),
    native!(c"column", column, 1),
    native!(c"decode", decode, 1),
    native!(c"encode", encode, 1),
    native!(c"run", run, 7),
    native!(c"parse", parse, 1),
];

/// Gives them to the scripts of a context.
///
/// # Errors
/// That there is no memory for them.
pub(crate) fn give(context: Context) -> Result<(), Thrown> {
    let natives = Value::object(context)?;
    for (name, function, arguments) in NATIVES {
        natives.set(name, context.function(*function, name, *arguments))?;
    }
    context.global().define(c"sandmill", natives)
}

fn given<const COUNT: usize>(
    context: Context,
    arguments: &[Value; COUNT],
    function: fn(Context, &[Value; COUNT]) -> Result<Value, Thrown>,
) -> js::JSValue {
    match function(context, arguments) {
        Ok(value) => value.into_raw(),
        Err(thrown) => context.throw_as(c"TypeError", &thrown.message),
    }
}

/// `log(level, text)`: one line.
fn log(context: Context, [level, text]: &[Value; 2]) -> Result<Value, Thrown> {
    host::log(level_of(level)?, &text.to_text()?);
    Ok(Value::undefined(context))
}

/// `write(level, text)`: part of a line.
fn write(context: Context, [level, text]: &[Value; 2]) -> Result<Value, Thrown> {
    host::write(level_of(level)?, text.to_text()?.as_bytes());
    Ok(Value::undefined(context))
}

/// `panicked(message, place)`: ends the instance.
fn panicked(context: Context, [message, place]: &[Value; 2]) -> Result<Value, Thrown> {
    host::panicked(&message.to_text()?, &place.to_text()?);
    Ok(Value::undefined(context))
}

/// `random(count)`: as many bytes.
fn random(context: Context, [count]: &[Value; 1]) -> Result<Value, Thrown> {
    let count = count.as_word().filter(|count| *count <= RANDOM_BYTES_MAX);
    let count = count.ok_or_else(|| Thrown::said("random numbers are asked for by a count of bytes"))?;
    let mut bytes = vec![0; count as usize];
    if !host::random(&mut bytes) {
        return Err(Thrown::said("there are no random numbers"));
    }
    Value::bytes(context, &bytes)
}

/// `texts(column)`: an array of its texts, with `null` in the place of one that is not UTF-8.
fn texts(context: Context, [column]: &[Value; 1]) -> Result<Value, Thrown> {
    let Column { data, ends } = Column::of(column)?;
    let mut start = 0;
    let texts = ends.iter().map(|&end| {
        let text = data.get(start..end as usize).and_then(|text| str::from_utf8(text).ok());
        start = end as usize;
        text.map_or_else(|| Ok(Value::null(context)), |text| Value::text(context, text))
    });
    Value::array(context, texts)
}

/// `column(texts)`: a column of an array of texts.
fn column(context: Context, [texts]: &[Value; 1]) -> Result<Value, Thrown> {
    let mut column = Column::default();
    for index in 0..texts.length()? {
        texts.at(index)?.with_text(|text| put(text, &mut column))??;
    }
    column.to_value(context)
}

/// `decode(bytes)`: the text, or `null`.
fn decode(context: Context, [bytes]: &[Value; 1]) -> Result<Value, Thrown> {
    let bytes = bytes.as_bytes().ok_or_else(|| Thrown::said("what is decoded is a Uint8Array"))?;
    str::from_utf8(bytes).map_or_else(|_| Ok(Value::null(context)), |text| Value::text(context, text))
}

/// `encode(text)`: its bytes.
fn encode(context: Context, [text]: &[Value; 1]) -> Result<Value, Thrown> {
    let mut column = Column::default();
    text.with_text(|text| put(text, &mut column))??;
    Value::bytes(context, &column.data)
}

/// `run(column, input, process, state, origin, convert, write)`: see [`Work`].
fn run(context: Context, arguments: &[Value; 7]) -> Result<Value, Thrown> {
    let [column, input, process, state, origin, convert, write] = arguments;
    let Column { data, ends } = Column::of(column)?;
    let input = match (input.is_string().then(|| input.to_text()).transpose()?.as_deref(), convert.is_function()) {
        (Some("bytes"), _) => Input::Bytes,
        (Some("json"), true) => Input::Json(convert.clone()),
        (_, true) => Input::Converted(convert.clone()),
        (_, false) => Input::Text,
    };
    let (process, state, origin, write) = (process.clone(), state.clone(), origin.clone(), write.clone());
    Work { process, state, origin, input, write }.run(context, &data, &ends).into_value(context)
}

/// `parse(text)`: the value that it is as JSON, or `undefined` if that is for `JSON.parse` to say.
fn parse(context: Context, [text]: &[Value; 1]) -> Result<Value, Thrown> {
    let value =
        text.with_text(|text| Json::with(context, |json| str::from_utf8(text).ok().and_then(|text| json.read(text))));
    Ok(value??.unwrap_or_else(|| Value::undefined(context)))
}

fn put(text: &[u8], column: &mut Column) -> Result<(), Thrown> {
    str::from_utf8(text).map_err(|_| Thrown::said(HALF_A_PAIR))?;
    column.push(text);
    Ok(())
}

fn level_of(level: &Value) -> Result<usize, Thrown> {
    let name = level.to_text()?;
    LEVELS.iter().position(|level| *level == name).ok_or_else(|| Thrown::said(format!("there is no level {name}")))
}

#[cfg(test)]
mod tests {
    use quickjs::Form;

    use super::*;

    /// What a script gives that finds `column(…texts)` and `shown(column)` beside what is here.
    #[track_caller]
    fn evaluated(code: &str) -> String {
        let context = Context::new(256 << 10);
        give(context).unwrap();
        let code = format!(
            "(() => {{
                const column = (...texts) => sandmill.column(texts);
                const shown = (column) => sandmill.texts(column).join('|');
                const said = (done) => JSON.stringify(done, (name, value) =>
                    value?.data ? shown(value) : value instanceof Uint32Array ? [...value] : value);
                const stringify = (value) => (Array.isArray(value) ? undefined : JSON.stringify(value));
                return {code};
            }})()"
        );
        context
            .evaluate(&code, "test", Form::Expression)
            .map_err(|thrown| thrown.to_string())
            .unwrap()
            .to_text()
            .unwrap()
    }

    #[test]
    fn columns_and_texts_are_the_same_in_both_directions() {
        assert_eq!(evaluated("shown(column('', 'a', 'ß€😀', '\\0'))"), "|a|ß€😀|\0");
        let broken =
            "sandmill.texts({ data: new Uint8Array([97, 128, 98]), ends: new Uint32Array([1, 2, 3]) }).join('|')";
        assert_eq!(evaluated(broken), "a||b");
        let half = "(() => { try { column('a\\ud800') } catch (e) { return e.name + ': ' + e.message } })()";
        assert_eq!(evaluated(half), format!("TypeError: {HALF_A_PAIR}"));
        assert_eq!(
            evaluated("sandmill.decode(sandmill.encode('ß')) + sandmill.decode(new Uint8Array([200]))"),
            "ßnull"
        );
    }

    #[test]
    fn records_are_taken_until_more_comes_of_one_than_one_output() {
        let run = |records: &str, process: &str| {
            evaluated(&format!(
                "said(sandmill.run(column({records}), 'text', {process}, 'state', null, null, stringify))"
            ))
        };
        assert_eq!(run("'a', 'b'", "(x, s) => x + s"), r#"{"outputs":"astate|bstate","taken":2}"#);
        let fates = "x => ({ n: null, f: false, t: true, b: new Uint8Array([66]) })[x]";
        assert_eq!(run("'n', 't', 'f', 'b', 'u'", fates), r#"{"origins":[1,3],"outputs":"t|B","taken":5}"#);
        assert_eq!(
            run("'a', 'b', 'c'", "x => x === 'b' ? ['x', 'y'] : x"),
            r#"{"outputs":"a","taken":2,"got":[["x","y"]]}"#
        );
        assert_eq!(run("'a', 'b'", "x => { throw x }"), r#"{"outputs":"","taken":1,"thrown":["a"]}"#);
        assert_eq!(run("'a'", "x => x + '\\ud800'"), r#"{"outputs":"","taken":1,"got":["a\ud800"]}"#);
        assert_eq!(
            run("'a'", "x => ({ x, n: 1e21, y: undefined, z: -0 })"),
            r#"{"outputs":"{\"x\":\"a\",\"n\":1e+21,\"z\":0}","taken":1}"#
        );
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_script_and_bytes_are_those_of_now() {
        let made = |value: &str| {
            evaluated(&format!(
                "said(sandmill.run(column('x'), 'text', () => {value}, null, null, null, () => 'script'))"
            ))
        };
        let left = r#"{"outputs":"script","taken":1}"#;
        for value in [
            "({ kind: class { static toJSON() { return 1 } } })",
            "({ list: [Object.assign(() => 1, { toJSON: () => 6 })] })",
            "new Uint8ClampedArray([65])",
            "({ n: 1n })",
            "({ d: new Date(0) })",
            "({ m: new Map() })",
            "({ then: () => 1 })",
            "({ next: () => 1 })",
            "Object.create(null)",
            "[1]",
        ] {
            assert_eq!(made(value), left, "{value}");
        }
        let resized = |from: &str, to: u8| {
            made(&format!(
                "(() => {{ const b = new ArrayBuffer(4, {{ maxByteLength: 8 }}); const u = {from}; u.fill(65); b.resize({to}); return u }})()"
            ))
        };
        assert_eq!(resized("new Uint8Array(b)", 2), r#"{"outputs":"AA","taken":1}"#);
        assert_eq!(resized("new Uint8Array(b, 2)", 6), r#"{"outputs":"AA\u0000\u0000","taken":1}"#);
        assert_eq!(made("({ f() {}, u: undefined, g: [() => 1] })"), r#"{"outputs":"{\"g\":[null]}","taken":1}"#);
        let inherited = "(() => { Object.prototype.got = ['more']; const done = sandmill.run(column('x'), 'text', x => x, null, null, null, null);
            delete Object.prototype.got; return String(done.got) })()";
        assert_eq!(evaluated(inherited), "undefined");
    }

    #[test]
    fn json_is_read_and_written_as_the_language_does_it_or_left_to_it() {
        let texts = [
            "1",
            "-0",
            "1.5e3",
            "0.1",
            "1e-7",
            "123456.789",
            "9007199254740992",
            "\"ß\\u0000\"",
            "[]",
            "{}",
            "[1,[2,{}]]",
            "null",
            "{\"b\":1,\"a\":2,\"1\":3,\"__proto__\":4,\"b\":5}",
            "36028797018963968.0",
            "1e21",
            "5e-324",
            "true",
        ];
        for text in texts {
            let text = quoted(text);
            let same = format!(
                "(x => JSON.stringify(sandmill.parse(x) ?? 'left') === JSON.stringify(JSON.parse(x) ?? 'left'))({text})"
            );
            assert_eq!(evaluated(&same), "true", "{text}");
            let written = format!(
                "(x => shown(sandmill.run(column(x), 'json', v => ({{ v }}), null, null, JSON.parse, stringify).outputs)
                    === JSON.stringify({{ v: JSON.parse(x) }}))({text})"
            );
            assert_eq!(evaluated(&written), "true", "{text}");
        }
        for text in ["9007199254740993", "1e400", "[", "", "NaN", "1 2", "\"\\ud800\""] {
            assert_eq!(evaluated(&format!("sandmill.parse({})", quoted(text))), "undefined", "{text}");
        }
    }

    /// As a string of the language.
    fn quoted(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
