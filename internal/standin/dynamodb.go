package standin

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// table is a table: the names of its keys, and its rows by their keys.
type table struct {
	keys []string // the partition key, then the sort key if there is one
	rows map[string]item
}

// request has what requests to DynamoDB have of their own or within a
// transaction; each operation uses some of it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
type request struct {
	TableName                           string
	Key                                 item
	Item                                item
	ConsistentRead                      bool
	Limit                               int
	ScanIndexForward                    *bool
	ExclusiveStartKey                   item
	KeyConditionExpression              string
	FilterExpression                    string
	ConditionExpression                 string
	UpdateExpression                    string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]value
	ReturnValues                        string
	ReturnValuesOnConditionCheckFailure string

	KeySchema     []struct{ AttributeName string }
	TransactItems []map[string]request
	RequestItems  map[string]struct {
		Keys           []item
		ConsistentRead bool
	}
}

// reason tells why an item cancelled its transaction.
type reason struct {
	Code string
	Item item `json:",omitempty"`
}

func (s *Server) serveDynamoDB(operation string, body []byte) (status int, answer any, call Call) {
	call = Call{Service: DynamoDB, Operation: operation}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return http.StatusBadRequest, invalid("%s: %v", operation, err), call
	}
	answer, wrong := answered(func() any { return s.operate(operation, &in, &call) })
	if wrong != nil {
		return http.StatusBadRequest, wrong, call
	}
	if failed, ok := answer.(*problem); ok {
		return http.StatusBadRequest, failed, call
	}
	return http.StatusOK, answer, call
}

func (s *Server) operate(operation string, in *request, call *Call) any {
	switch operation {
	case "GetItem":
		return s.getItem(in, call)
	case "BatchGetItem":
		return s.batchGetItem(in, call)
	case "Query", "Scan":
		return s.query(in, call)
	case "PutItem", "UpdateItem", "DeleteItem":
		return s.write(operation, in, call)
	case "TransactWriteItems":
		return s.transact(in, call)
	case "CreateTable":
		return s.createTable(in)
	case "DescribeTable":
		return map[string]any{"Table": map[string]string{"TableName": in.TableName, "TableStatus": "ACTIVE"}}
	case "DescribeTimeToLive":
		return map[string]any{"TimeToLiveDescription": map[string]string{"TimeToLiveStatus": "ENABLED"}}
	default:
		panic(invalid("DynamoDB's %s is not known here", operation))
	}
}

func (s *Server) createTable(in *request) any {
	t := &table{rows: map[string]item{}}
	for _, key := range in.KeySchema {
		t.keys = append(t.keys, key.AttributeName)
	}
	s.tables[in.TableName] = t
	return struct{}{}
}

// table returns a table that a call names, for an action such as PutItem.
func (s *Server) table(name, action string, call *Call) *table {
	t, ok := s.tables[name]
	if !ok {
		panic(&problem{Type: "ResourceNotFoundException", Message: "there is no table " + name})
	}
	if !slices.Contains(call.Tables, name) {
		call.Tables = append(call.Tables, name)
	}
	if a := "dynamodb:" + action + " " + name; !slices.Contains(call.Actions, a) {
		call.Actions = append(call.Actions, a)
	}
	return t
}

// place returns where a row is in a table.
func (t *table) place(row item) string {
	key, err := json.Marshal(t.key(row))
	if err != nil {
		panic(invalid("key: %v", err))
	}
	return string(key)
}

func (t *table) key(row item) item {
	key := item{}
	for _, name := range t.keys {
		if key[name] = row[name]; row[name] == nil {
			panic(invalid("the key lacks %s", name))
		}
	}
	return key
}

func (s *Server) getItem(in *request, call *Call) any {
	t := s.table(in.TableName, call.Operation, call)
	row := t.rows[t.place(in.Key)]
	call.ReadUnits += readUnits(size(row), in.ConsistentRead)
	if row == nil {
		return struct{}{}
	}
	return map[string]any{"Item": row}
}

// batchGetItem counts each row by itself.
func (s *Server) batchGetItem(in *request, call *Call) any {
	found := map[string][]item{}
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		t := s.table(name, call.Operation, call)
		asked := in.RequestItems[name]
		found[name] = []item{}
		for _, key := range asked.Keys {
			row := t.rows[t.place(key)]
			call.ReadUnits += readUnits(size(row), asked.ConsistentRead)
			if row != nil {
				found[name] = append(found[name], row)
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": struct{}{}}
}

// query serves Query and Scan. What it reads counts in one sum, filtered away
// or not.
func (s *Server) query(in *request, call *Call) any {
	t := s.table(in.TableName, call.Operation, call)
	var rows []item
	for _, place := range slices.Sorted(maps.Keys(t.rows)) {
		if row := t.rows[place]; newExpression(in.KeyConditionExpression, in).holds(row) {
			rows = append(rows, row)
		}
	}
	if len(t.keys) == 2 {
		rows = sortedBy(rows, t.keys[1], in.ScanIndexForward != nil && !*in.ScanIndexForward)
	}
	if in.ExclusiveStartKey != nil {
		start := slices.IndexFunc(rows, func(row item) bool { return t.place(row) == t.place(in.ExclusiveStartKey) })
		rows = rows[start+1:]
	}
	answer := map[string]any{}
	if in.Limit > 0 && len(rows) > in.Limit {
		rows = rows[:in.Limit]
		answer["LastEvaluatedKey"] = t.key(rows[in.Limit-1])
	}
	bytes := 0
	found := []item{}
	for _, row := range rows {
		bytes += size(row)
		if newExpression(in.FilterExpression, in).holds(row) {
			found = append(found, row)
		}
	}
	call.ReadUnits += readUnits(bytes, in.ConsistentRead)
	answer["Items"], answer["Count"], answer["ScannedCount"] = found, len(found), len(rows)
	return answer
}

// change is what a write would do to a row.
type change struct {
	to      *table
	was, is item
	refused bool // by its condition
}

// change returns what an operation, or the part of a transaction, would do.
func (s *Server) change(operation string, in *request, call *Call) change {
	t := s.table(in.TableName, strings.TrimSuffix(operation, "Item")+"Item", call)
	c := change{to: t}
	switch operation {
	case "PutItem", "Put":
		c.was, c.is = t.rows[t.place(in.Item)], in.Item
	case "UpdateItem", "Update":
		c.was = t.rows[t.place(in.Key)]
		c.is = newExpression(in.UpdateExpression, in).update(c.was)
		maps.Copy(c.is, in.Key)
	case "DeleteItem", "Delete":
		c.was = t.rows[t.place(in.Key)]
	case "ConditionCheck":
		c.was = t.rows[t.place(in.Key)]
		c.is = c.was
	default:
		panic(invalid("the write %s is not known here", operation))
	}
	c.refused = !newExpression(in.ConditionExpression, in).holds(c.was)
	return c
}

func (c change) apply() {
	switch {
	case c.is != nil:
		c.to.rows[c.to.place(c.is)] = c.is
	case c.was != nil:
		delete(c.to.rows, c.to.place(c.was))
	}
}

func (s *Server) write(operation string, in *request, call *Call) any {
	c := s.change(operation, in, call)
	call.WriteUnits += writeUnits(c.was, c.is)
	if c.refused {
		p := &problem{Type: "ConditionalCheckFailedException", Message: "The conditional request failed"}
		if in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
			p.Item = c.was
		}
		return p
	}
	c.apply()
	switch in.ReturnValues {
	case "ALL_NEW", "UPDATED_NEW":
		return map[string]any{"Attributes": c.is}
	case "ALL_OLD":
		return map[string]any{"Attributes": c.was}
	default:
		return struct{}{}
	}
}

// transact applies all changes or none. DynamoDB prepares each and then
// commits it, and counts both, even if it is cancelled in between.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling
func (s *Server) transact(in *request, call *Call) any {
	var changes []change
	var reasons []reason
	cancelled := errors.New("a condition failed")
	var failed error
	for _, entry := range in.TransactItems {
		for operation, part := range entry {
			c := s.change(operation, &part, call)
			call.WriteUnits += transactional * writeUnits(c.was, c.is)
			changes = append(changes, c)
			r := reason{Code: "None"}
			if c.refused {
				failed = cancelled
				r.Code = "ConditionalCheckFailed"
				if part.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
					r.Item = c.was
				}
			}
			reasons = append(reasons, r)
		}
	}
	if failed != nil {
		return &problem{Type: "TransactionCanceledException", Message: failed.Error(), Reasons: reasons}
	}
	for _, c := range changes {
		c.apply()
	}
	return struct{}{}
}
