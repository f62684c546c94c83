// The program that bitsandbytes_oracle.py asks for codes and values.
#include "format_codes.hpp"

int main(int count, char** values) { return format_codes::main(count, values); }
