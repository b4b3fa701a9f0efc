//! The exports of the worlds `stage` and `record-source`. The build keeps those of one of them.

use quickjs::{Context, Thrown, Value};
use sandmill_stage::__private::{record_source, stage};

use self::record_source::exports::sandmill::stage::source;
use self::record_source::sandmill::stage::types as source_types;
use self::stage::exports::sandmill::stage::transform;
use self::stage::sandmill::stage::types::{self, Failure};
use crate::bundle::call;
use crate::column::Column;

struct Component;

impl transform::Guest for Component {
    fn open(config: String) -> Result<(), String> {
        call(c"open", |context| Ok(vec![Value::text(context, &config)?]), |_| Ok(()))
    }

    fn process(input: transform::Batch) -> Result<transform::Outcome, String> {
        let transform::Batch { values, keys } = input;
        let values = Column { data: values.data, ends: values.ends };
        let keys = Column { data: keys.data, ends: keys.ends };
        call(c"process", |context| Ok(vec![batch(context, values, keys)?]), |outcome| self::outcome(&outcome))
    }

    fn flush() -> Result<transform::Outcome, String> {
        call(c"flush", |_| Ok(Vec::new()), |outcome| self::outcome(&outcome))
    }
}

impl source::Guest for Component {
    fn open(config: String, cursor: Option<String>) -> Result<(), String> {
        let arguments = |context| {
            let cursor = cursor.map_or_else(|| Ok(Value::null(context)), |cursor| Value::text(context, &cursor));
            Ok(vec![Value::text(context, &config)?, cursor?])
        };
        call(c"open", arguments, |_| Ok(()))
    }

    fn pull(max: u32) -> Result<source::Chunk, String> {
        call(c"pull", |context| Ok(vec![Value::number(context, max as usize)]), |chunk| self::chunk(&chunk))
    }
}

fn batch(context: Context, values: Column, keys: Column) -> Result<Value, Thrown> {
    let batch = Value::object(context)?;
    batch.set(c"values", values.to_value(context)?)?;
    batch.set(c"keys", keys.to_value(context)?)?;
    Ok(batch)
}

fn outcome(of: &Value) -> Result<transform::Outcome, Thrown> {
    let (values, keys) = columns(&of.get(c"emitted")?)?;
    let failures = of.get(c"failures")?;
    let failures = (0..failures.length()?).map(|index| failure(&failures.at(index)?));
    let ports = of.get(c"ports")?.words()?.into_iter().map(|port| u16::try_from(port).unwrap_or(u16::MAX));
    Ok(transform::Outcome {
        emitted: types::Batch {
            values: types::Column { data: values.data, ends: values.ends },
            keys: types::Column { data: keys.data, ends: keys.ends },
        },
        origins: of.get(c"origins")?.words()?,
        ports: ports.collect(),
        failures: failures.collect::<Result<_, _>>()?,
    })
}

fn failure(of: &Value) -> Result<Failure, Thrown> {
    let index = of.get(c"index")?.as_word().ok_or_else(|| Thrown::said("a failure is of no record"))?;
    let retryable = of.get(c"retryable")?.as_bool() == Some(true);
    Ok(Failure { index, retryable, message: of.get(c"message")?.to_text()? })
}

fn chunk(of: &Value) -> Result<source::Chunk, Thrown> {
    let (values, keys) = columns(&of.get(c"records")?)?;
    Ok(source::Chunk {
        records: source_types::Batch {
            values: source_types::Column { data: values.data, ends: values.ends },
            keys: source_types::Column { data: keys.data, ends: keys.ends },
        },
        cursor: of.get(c"cursor")?.to_text()?,
        done: of.get(c"done")?.as_bool() == Some(true),
    })
}

fn columns(of: &Value) -> Result<(Column, Column), Thrown> {
    Ok((Column::of(&of.get(c"values")?)?, Column::of(&of.get(c"keys")?)?))
}

stage::export!(Component with_types_in stage);
record_source::export!(Component with_types_in record_source);
