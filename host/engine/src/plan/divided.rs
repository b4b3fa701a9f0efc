//! Tells whether one instance of a stage sees the whole input. If not, what a stage returns at its end is a result of a
//! part of it.

use super::{Recycle, Reuse, StagePlan};

/// The input of a stage that is divided among instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divided {
    /// Among which: `fresh instances, one for each batch`.
    pub among: String,
    /// Suggestions of what to write instead.
    pub hints: Vec<String>,
}

impl StagePlan {
    /// How the input is divided among instances. `None` when it is not, or when the plan says that this is intended.
    pub fn divided(&self) -> Option<Divided> {
        let among = match self.reuse {
            _ if self.partial => return None,
            Reuse::Record => "fresh instances, one for each record".to_owned(),
            Reuse::Batch => "fresh instances, one for each batch".to_owned(),
            Reuse::Worker if self.keeps_state_by_key() && self.workers.may_be_several() => {
                "instances that each see all records of some keys".to_owned()
            }
            Reuse::Worker if self.workers.may_be_several() => format!("the instances of {}", self.workers),
            Reuse::Worker if self.recycle != Recycle::default() => "instances that are recycled".to_owned(),
            Reuse::Worker => return None,
        };
        Some(Divided { among, hints: self.undivided() })
    }

    fn undivided(&self) -> Vec<String> {
        let mut keys = Vec::new();
        if self.reuse != Reuse::Worker {
            keys.push("reuse = \"worker\"");
        }
        if self.workers.may_be_several() {
            keys.push("workers = 1");
        }
        let mut what = if keys.is_empty() { String::new() } else { format!("write {}", keys.join(" and ")) };
        if self.recycle != Recycle::default() {
            what.push_str(if keys.is_empty() { "leave recycle out" } else { " and leave recycle out" });
        }
        let name = &self.name;
        // Whoever is recycled gives what it has of a key, and another instance gives the rest.
        let intended = match self.keeps_state_by_key() && self.recycle == Recycle::default() {
            true => "if each result is of one key, the one that `order` goes by, it is complete: ",
            false => "if partial results are intended (a later stage adds them up), ",
        };
        vec![
            format!("for one result of the whole input, {what} in stage \"{name}\""),
            format!("{intended}write partial = true in stage \"{name}\""),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::plan::Order;
    use crate::program::{NativeStage, Verdict};
    use crate::testing::{Nowhere, Numbers};
    use crate::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};

    fn divided(change: impl FnOnce(StageBuilder) -> StageBuilder) -> Option<(String, String)> {
        let stage = StageBuilder::native("count", NativeStage::new(|_, _, _| Verdict::Done)).workers(NonZeroUsize::MIN);
        let plan = PipelineBuilder::new("p")
            .source(SourceBuilder::new("source", Numbers(1)))
            .stage(change(stage))
            .sink(SinkBuilder::new("sink", Nowhere))
            .plan()
            .unwrap();
        let Divided { among, hints } = plan.stages[0].divided()?;
        assert_eq!(
            hints[1].contains("it is complete"),
            plan.stages[0].recycle == Recycle::default() && plan.stages[0].keeps_state_by_key()
        );
        Some((among, hints[0].clone()))
    }

    #[test]
    fn an_input_is_divided_unless_one_instance_sees_all_of_it() {
        let two = NonZeroUsize::new(2).unwrap();
        let recycle = Recycle { records: Some(two), ..Recycle::default() };
        let says = |change: fn(StageBuilder) -> StageBuilder| divided(change).unwrap();
        let whole = |keys| format!("for one result of the whole input, {keys} in stage \"count\"");
        let (among, hint) = says(|stage| stage);
        assert_eq!(among, "fresh instances, one for each batch");
        assert_eq!(hint, whole("write reuse = \"worker\""));
        let (among, hint) = says(|stage| stage.reuse(Reuse::Record).workers(NonZeroUsize::new(2).unwrap()));
        assert_eq!(among, "fresh instances, one for each record");
        assert_eq!(hint, whole("write reuse = \"worker\" and workers = 1"));
        let living = |stage: StageBuilder| stage.reuse(Reuse::Worker);
        assert_eq!(divided(living), None);
        let of_two = divided(|stage| living(stage).workers(two).recycle(recycle)).unwrap();
        assert_eq!(of_two.0, "the instances of 2 workers");
        assert_eq!(of_two.1, whole("write workers = 1 and leave recycle out"));
        let recycled = divided(|stage| living(stage).recycle(recycle)).unwrap();
        assert_eq!(recycled, ("instances that are recycled".to_owned(), whole("leave recycle out")));
        // Whether its results go by the same key, only its author knows.
        let by_key = divided(|stage| living(stage).workers(two).order(Order::Key)).unwrap();
        assert_eq!(by_key.0, "instances that each see all records of some keys");
        assert_eq!(divided(|stage| living(stage).order(Order::Key)), None, "one instance sees all");
        assert!(divided(|stage| living(stage).workers(two).order(Order::Key).recycle(recycle)).is_some());
        assert_eq!(divided(|stage| stage.partial(true)), None, "it is meant");
    }
}
