"""Research on scaling policies: a traffic trace and a policy → what the stream would have lost, and its price."""
