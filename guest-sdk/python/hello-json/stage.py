"""The stage under test whose records are JSON, read as a type: the same in each language."""

from dataclasses import dataclass, field
from typing import Any

from sandmill import stage


@dataclass
class Customer:
    name: str


@dataclass
class Order:
    id: int
    customer: Customer
    tags: list[str] = field(default_factory=list)
    value: Any = None
    price: float = 0.0


@stage
def hello(order: Order) -> Order:
    """Gives each order as it came; some names ask for what JSON does not have."""
    match order.customer.name:
        case "~nan":
            order.price = float("nan")
        case "~infinity":
            order.price = float("inf")
        case "~surrogate":
            order.customer.name = "\ud800"
    return order
