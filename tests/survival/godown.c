/* Shuts a file system down as a power loss does: nothing that is not on the disk yet gets there, not even its journal. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define FS_IOC_GOINGDOWN _IOR('X', 125, unsigned int)
#define GOING_DOWN_NO_LOG_FLUSH 2

int main(int count, char **arguments) {
    unsigned int how = GOING_DOWN_NO_LOG_FLUSH;
    int directory = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY) : -1;
    if (directory < 0 || ioctl(directory, FS_IOC_GOINGDOWN, &how) != 0) {
        perror("godown");
        return 1;
    }
    return 0;
}
