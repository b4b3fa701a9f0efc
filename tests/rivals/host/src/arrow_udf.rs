//! arrow-udf: a call per batch, which goes in and comes out as an Arrow stream, and an instance that lives on.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{Array, BinaryArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_udf_runtime::wasm::Runtime;
use works::Work;
use works::harness::{Arrived, Input, Job, Length, Measured, Portion, by_threads, each};

pub(crate) fn run(input: Input, length: Length, job: Job) -> Result<Measured> {
    let runtime = Runtime::new(&fs::read(crate::plugin("rivals_arrow_udf.wasm")?)?)?;
    let schema = Arc::new(Schema::new(vec![Field::new("record", DataType::Binary, true)]));
    let worker = || {
        let (runtime, schema) = (runtime.clone(), Arc::clone(&schema));
        let function = runtime.find_function(name(job.work), vec![DataType::Binary], DataType::Binary)?;
        Ok(move |portion: &Portion, arrived: &mut Arrived| {
            let (data, ends) = &portion.columns;
            let records = BinaryArray::from_iter_values(each(data, ends));
            let mut batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(records)])?;
            for _ in 0..job.stages {
                let done = runtime.call(&function, &batch)?;
                batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(done.column(0))])?;
            }
            let records = batch.column(0).as_any().downcast_ref::<BinaryArray>().context("it gives binary")?;
            for record in records {
                arrived.record(record.context("nothing is null")?);
            }
            Ok(())
        })
    };
    by_threads(input, length, crate::workers(worker)?)
}

fn name(work: Work) -> &'static str {
    match work {
        Work::Upper => "upper",
        Work::Json => "json",
        Work::Redact => "redact",
        Work::AccessLog => "access_log",
        Work::Hash => "hash",
        Work::Blur => "blur",
    }
}
