#pragma once
// The plain functions: what stands above them (EVP) sets up all of OpenSSL at the first digest, which takes a millisecond.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
