// All rooms, reached through the component that brings what they need.
#include <lowp/algorithm.hpp>
#include <lowp/io.hpp>
#include <lowp/lowp.hpp>

int main() {}
