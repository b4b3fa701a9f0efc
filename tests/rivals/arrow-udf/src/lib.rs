//! Functions for arrow-udf that do the works: one for each, because such a function has no configuration.

use arrow_udf::function;
use works::{Work, Worker};

macro_rules! functions {
    ($($name:ident, $signature:literal, $work:expr;)*) => {$(
        #[function($signature)]
        fn $name(record: &[u8]) -> Result<Vec<u8>, String> {
            thread_local!(static WORKER: Worker = $work.open());
            let mut out = Vec::with_capacity(record.len());
            WORKER.with(|worker| worker.apply(record, &mut out))?;
            Ok(out)
        }
    )*};
}

functions! {
    upper, "upper(binary) -> binary", Work::Upper;
    json, "json(binary) -> binary", Work::Json;
    redact, "redact(binary) -> binary", Work::Redact;
    access_log, "access_log(binary) -> binary", Work::AccessLog;
    hash, "hash(binary) -> binary", Work::Hash;
    blur, "blur(binary) -> binary", Work::Blur;
}
