/* Preloaded into OBS Studio under test. obs-websocket listens on every interface and has no setting for it;
 * a test must be reachable from this machine alone. A bind to the wildcard address becomes one to loopback. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*bind_function)(int, const struct sockaddr *, socklen_t);

static bind_function system_bind(void) {
    return (bind_function)dlsym(RTLD_NEXT, "bind");
}

static int bind_ipv4(bind_function call, int fd, const struct sockaddr *address) {
    struct sockaddr_in copy;
    memcpy(&copy, address, sizeof copy);
    if (copy.sin_addr.s_addr == htonl(INADDR_ANY)) {
        copy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return call(fd, (const struct sockaddr *)&copy, sizeof copy);
}

static int bind_ipv6(bind_function call, int fd, const struct sockaddr *address) {
    struct sockaddr_in6 copy;
    memcpy(&copy, address, sizeof copy);
    if (IN6_IS_ADDR_UNSPECIFIED(&copy.sin6_addr)) {
        copy.sin6_addr = in6addr_loopback;
    }
    return call(fd, (const struct sockaddr *)&copy, sizeof copy);
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    bind_function call = system_bind();
    if (call == NULL) {
        errno = ENOSYS;
        return -1;
    }
    if (address != NULL && address->sa_family == AF_INET && length >= (socklen_t)sizeof(struct sockaddr_in)) {
        return bind_ipv4(call, fd, address);
    }
    if (address != NULL && address->sa_family == AF_INET6 && length >= (socklen_t)sizeof(struct sockaddr_in6)) {
        return bind_ipv6(call, fd, address);
    }
    return call(fd, address, length);
}
