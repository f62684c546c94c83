// Linking this program with two copies of every header is the test: a function without `inline` is defined twice.
#include <iostream>

int main() { std::cout << LOWP_HEADER_COUNT << " headers compile alone and link twice\n"; }
