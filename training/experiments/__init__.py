"""The paper's comparisons (Tables 3, 4 and 5), repeated with small networks and a small budget."""
