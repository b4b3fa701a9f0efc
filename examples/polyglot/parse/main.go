// One line of a file of orders: number, customer, amount.
package main

import (
	"fmt"
	"strconv"
	"strings"

	"sandmill"
)

type Order struct {
	ID       int     `json:"id"`
	Customer string  `json:"customer"`
	Amount   float64 `json:"amount"`
}

func parse(line string) (Order, error) {
	fields := strings.Split(line, ",")
	if len(fields) != 3 {
		return Order{}, fmt.Errorf("an order has 3 fields, this has %d", len(fields))
	}
	id, err := strconv.Atoi(fields[0])
	if err != nil {
		return Order{}, err
	}
	amount, err := strconv.ParseFloat(fields[2], 64)
	if err != nil {
		return Order{}, err
	}
	return Order{id, fields[1], amount}, nil
}

func main() { sandmill.Stage(parse) }
