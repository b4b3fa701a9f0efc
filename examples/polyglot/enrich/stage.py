"""Adds the tax, and refuses orders of nobody."""

from dataclasses import dataclass

from sandmill import Failure, stage


@dataclass
class Config:
    rate: float


@dataclass
class Order:
    id: int
    customer: str
    amount: float
    tax: float = 0.0


@stage
def enrich(order: Order, config: Config) -> Order:
    if not order.customer:
        raise Failure(f"order {order.id} has no customer")
    order.tax = round(order.amount * config.rate, 2)
    return order
