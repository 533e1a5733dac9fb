package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"chatapi/internal/cli"
	"chatapi/internal/cost"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// costCommand returns the command that calculates what a load costs a month on AWS.
func costCommand() *cobra.Command {
	load := cost.Load{CreatesPerSecond: 10, ReadsPerSecond: 50, SearchesPerSecond: 1, MessageBytes: 200, Chats: 1000}
	stack := cost.TemplateStack()
	var asJSON, prices bool
	cmd := &cobra.Command{
		Use:     "cost",
		Short:   "Calculate what a load costs a month on AWS, what dominates and how to reduce it",
		GroupID: cli.GroupServer,
		Long: `Calculate what the stack of template.yaml costs a month for a load, from the
calls of each operation, which tests count, and from list prices without free
tiers. No request is sent.`,
		Example: "  chatapi cost --creates-per-second 100 --reads-per-second 500 --message-bytes 300",
		Args:    cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if prices {
				return printPrices(cmd.OutOrStdout(), asJSON)
			}
			if err := checkLoad(load, stack); err != nil {
				return err
			}
			estimator, err := cost.New()
			if err != nil {
				return err
			}
			report, err := estimator.Estimate(load, stack)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(cmd.OutOrStdout(), report)
			}
			return printReport(cmd.OutOrStdout(), report)
		},
	}
	addLoadFlags(cmd.Flags(), &load)
	addStackFlags(cmd.Flags(), &stack)
	cmd.Flags().BoolVar(&prices, "prices", false, "print the prices with their sources and dates, and the assumptions")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func addLoadFlags(flags *pflag.FlagSet, load *cost.Load) {
	flags.Float64Var(&load.CreatesPerSecond, "creates-per-second", load.CreatesPerSecond,
		"creates of messages, on average over the month")
	flags.Float64Var(&load.ReadsPerSecond, "reads-per-second", load.ReadsPerSecond, "reads of a message or a chat")
	flags.Float64Var(&load.SearchesPerSecond, "searches-per-second", load.SearchesPerSecond, "searches")
	flags.IntVar(&load.MessageBytes, "message-bytes", load.MessageBytes, "bytes of the body of a message")
	flags.IntVar(&load.Chats, "chats", load.Chats, "chats, which get the messages evenly")
}

func addStackFlags(flags *pflag.FlagSet, stack *cost.Stack) {
	flags.BoolVar(&stack.HTTPAPI, "http-api", false, "an HTTP API instead of the REST API")
	flags.BoolVar(&stack.Serverless, "search-serverless", false, "OpenSearch Serverless instead of the domain")
	flags.StringVar(&stack.SearchInstance, "search-instance", stack.SearchInstance, "type of the domain's nodes")
	flags.IntVar(&stack.SearchNodes, "search-nodes", stack.SearchNodes, "nodes of the domain")
	flags.IntVar(&stack.SearchGiB, "search-gib", stack.SearchGiB, "disk of each node in GiB")
	flags.Float64Var(&stack.BatchWindow, "batch-window", stack.BatchWindow, "batching window of the writer in seconds")
	flags.IntVar(&stack.Writers, "writers", stack.Writers, "maximum number of concurrent writers")
}

// checkLoad returns an error if a figure is out of range.
func checkLoad(load cost.Load, stack cost.Stack) error {
	for _, figure := range []struct {
		flag        string
		n, min, max float64
	}{
		{"creates-per-second", load.CreatesPerSecond, 0, 1e6},
		{"reads-per-second", load.ReadsPerSecond, 0, 1e6},
		{"searches-per-second", load.SearchesPerSecond, 0, 1e6},
		{"message-bytes", float64(load.MessageBytes), 1, 16384},
		{"chats", float64(load.Chats), 1, 1e12},
		{"search-nodes", float64(stack.SearchNodes), 1, 1000},
		{"search-gib", float64(stack.SearchGiB), 1, 1e5},
		{"batch-window", stack.BatchWindow, 0, 300},
		{"writers", float64(stack.Writers), 2, 1000},
	} {
		if math.IsNaN(figure.n) || figure.n < figure.min || figure.n > figure.max {
			return cli.Usagef("invalid --%s %v: want %.0f to %.0f", figure.flag, figure.n, figure.min, figure.max)
		}
	}
	return nil
}

func encode(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func printReport(w io.Writer, r cost.Report) error {
	fmt.Fprintf(w, "%s, %s and %s a second; messages of %s in %s; %s, list prices (chatapi cost --prices)\n\n",
		cli.Count(r.Load.CreatesPerSecond, "create"), cli.Count(r.Load.ReadsPerSecond, "read"),
		cli.Count(r.Load.SearchesPerSecond, "search"), cli.Count(r.Load.MessageBytes, "byte"),
		cli.Count(r.Load.Chats, "chat"), r.Region)
	fmt.Fprintf(w, "$%.2f a month", r.Dollars)
	plurals := map[string]string{cost.Create: "creates", cost.Read: "reads", cost.Search: "searches"}
	for _, activity := range []string{cost.Create, cost.Read, cost.Search} {
		if dollars, ok := r.PerMillion[activity]; ok {
			fmt.Fprintf(w, "; $%.2f per million %s", dollars, plurals[activity])
		}
	}
	fmt.Fprintf(w, "\n\nWhat dominates:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	const maxLines = 12
	var rest float64
	for i, l := range r.Lines {
		if i >= maxLines {
			rest += l.Dollars
			continue
		}
		fmt.Fprintf(t, "  $%.2f\t%.0f%%\t%s\t%s\n", l.Dollars, 100*l.Dollars/r.Dollars, l.Activity, l.What)
	}
	if rest > 0 {
		fmt.Fprintf(t, "  $%.2f\t%.0f%%\t\tthe rest\n", rest, 100*rest/r.Dollars)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nHow to reduce it, each option by itself:\n")
	for _, o := range r.Options {
		verb, dollars := "saves", o.Saving
		if dollars < 0 {
			verb, dollars = "costs more:", -dollars
		}
		fmt.Fprintf(t, "  %s $%.2f\t%s\t(%s)\n", verb, dollars, o.Name, o.Price)
	}
	return t.Flush()
}

func printPrices(w io.Writer, asJSON bool) error {
	prices, err := cost.ListPrices()
	if err != nil {
		return err
	}
	if asJSON {
		return encode(w, prices)
	}
	fmt.Fprintf(w, "%s, in %s\n\n", prices.Region, prices.Currency)
	for _, name := range slices.Sorted(maps.Keys(prices.Prices)) {
		p := prices.Prices[name]
		var tiers []string
		for _, tier := range p.Tiers {
			text := fmt.Sprintf("%g", tier.Price)
			if tier.UpTo > 0 {
				text += fmt.Sprintf(" up to %g", tier.UpTo)
			}
			tiers = append(tiers, text)
		}
		fmt.Fprintf(w, "%s: %s per %s\n  %s, %s\n", name, strings.Join(tiers, ", then "), p.Per, p.Source, p.Date)
	}
	fmt.Fprintf(w, "\nAssumptions:\n\n")
	for _, name := range slices.Sorted(maps.Keys(prices.Assumptions)) {
		a := prices.Assumptions[name]
		fmt.Fprintf(w, "%s: %g (%s)\n", name, a.Value, a.Why)
	}
	return nil
}
