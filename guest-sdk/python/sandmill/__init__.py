"""Write a stage of a Sandmill pipeline as one Python function. See README.md beside this package."""

from . import log
from ._declared import source, stage
from ._outputs import At, Failure, Json, Keyed, Record, To
from ._trial import Emitted, Fates, SourceTrial, Trial, trial

__all__ = [
    "At",
    "Emitted",
    "Failure",
    "Fates",
    "Json",
    "Keyed",
    "Record",
    "SourceTrial",
    "To",
    "Trial",
    "log",
    "source",
    "stage",
    "trial",
]
