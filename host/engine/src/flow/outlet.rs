//! The outputs of a source or stage: each port leads to one queue or more.

use std::sync::Arc;

use super::tap::TapPoint;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{Failpoint, Failpoints};
use crate::queue::{Closed, Sender};
use crate::record::{Batch, Lineage, Payload};

/// Sends batches on. Cloned for every worker of a stage: the queues after it close when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    /// The consumers, by port. Every port has a consumer: the plan has made sure of that.
    ports: Vec<Vec<Sender>>,
    failpoints: Failpoints,
    tap: Arc<TapPoint>,
}

impl Outlet {
    pub(crate) fn new(ports: Vec<Vec<Sender>>, failpoints: Failpoints) -> Self {
        Self { ports, failpoints, tap: Arc::default() }
    }

    /// Where what is sent can be tapped. Shared by all clones.
    pub(crate) fn tap(&self) -> Arc<TapPoint> {
        Arc::clone(&self.tap)
    }

    /// Sends a batch to the first port.
    ///
    /// # Backpressure
    /// Waits for room in every queue of the port, one after the other.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when a consumer has gone: the run is ending.
    pub(crate) async fn send(&self, batch: Batch) -> Result<()> {
        self.failpoints.pass(Failpoint::BeforeSend)?;
        self.tap.pass(batch.payload());
        match self.ports.first() {
            Some(consumers) => send_to(consumers, batch).await,
            None => Ok(()),
        }
    }

    /// Sends each record to the port that `ports` names for it; without `ports`, all to the first.
    ///
    /// # Backpressure
    /// As [`Self::send`].
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn send_to_ports(&self, payload: Payload, claims: Lineage, ports: Option<&[u16]>) -> Result<()> {
        let Some(hands) = ports else {
            return self.send(Batch::new(payload, claims)).await;
        };
        self.failpoints.pass(Failpoint::BeforeSend)?;
        self.tap.pass(&payload);
        let dealt = claims.deal(hands, self.ports.len());
        for ((port, consumers), claims) in (0_u16..).zip(&self.ports).zip(dealt) {
            let chosen = hands.iter().enumerate().filter(|(_, hand)| **hand == port).map(|(index, _)| index);
            send_to(consumers, Batch::new(payload.select(chosen), claims)).await?;
        }
        Ok(())
    }
}

async fn send_to(consumers: &[Sender], batch: Batch) -> Result<()> {
    let Some((last, others)) = consumers.split_last() else {
        return Ok(());
    };
    for (copy, consumer) in (0_u16..).zip(others) {
        consumer.send(batch.duplicate(copy)).await.map_err(gone)?;
    }
    last.send(batch).await.map_err(gone)
}

/// The batch is dropped here, and so counted as in flight.
fn gone(_batch: Closed) -> Error {
    Error::new(ErrorKind::Cancelled, "a consumer has gone")
}
