// The rooms with a dependency, reached through the components that bring it.
#include <lowp/algorithm.hpp>
#include <lowp/io.hpp>
#include <lowp/lowp.hpp>

int main() {}
