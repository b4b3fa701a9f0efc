// The stage under test whose records are JSON, read as a type: the same in every language.
package main

import (
	"math"

	"sandmill"
)

type Order struct {
	ID       int64    `json:"id"`
	Customer Customer `json:"customer"`
	Tags     []string `json:"tags"`
	Value    any      `json:"value"`
	Price    float64  `json:"price"`
}

type Customer struct {
	Name string `json:"name"`
}

// hello gives each order as it came; some names ask for what JSON does not have.
func hello(order Order) (Order, error) {
	if order.Tags == nil {
		order.Tags = []string{}
	}
	switch order.Customer.Name {
	case "~nan":
		order.Price = math.NaN()
	case "~infinity":
		order.Price = math.Inf(1)
	case "~surrogate":
		order.Customer.Name = "\xed\xa0\x80"
	}
	return order, nil
}

func main() { sandmill.Stage(hello) }
