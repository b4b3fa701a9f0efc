//! Extism: a call per record, and an instance that lives on.

use std::fs;

use anyhow::Result;
use extism::{Manifest, Plugin, Wasm};
use works::harness::{Arrived, Input, Job, Length, Measured, Portion, by_threads, each};

pub(crate) fn run(input: Input, length: Length, job: Job) -> Result<Measured> {
    let wasm = Wasm::data(fs::read(crate::plugin("rivals_extism.wasm")?)?);
    let work = serde_json::to_string(&job.work)?;
    let manifest = Manifest::new([wasm]).with_config_key("work", work);
    let worker = || {
        let stages = (0..job.stages).map(|_| Plugin::new(&manifest, [], false));
        let mut stages = stages.collect::<Result<Vec<_>, _>>()?;
        Ok(move |portion: &Portion, arrived: &mut Arrived| {
            let (data, ends) = &portion.columns;
            for record in each(data, ends) {
                let mut record = record.to_vec();
                for stage in &mut stages {
                    record = stage.call::<&[u8], Vec<u8>>("process", &record)?;
                }
                arrived.record(&record);
            }
            Ok(())
        })
    };
    by_threads(input, length, crate::workers(worker)?)
}
