module.exports = {
  images: {
    // SVG goes through the optimizer unchanged, so that the marker in it can be seen.
    dangerouslyAllowSVG: true,
    remotePatterns: [{ protocol: 'http', hostname: '**' }],
    ...(process.env.NEXT_MAJOR >= 16 ? { dangerouslyAllowLocalIP: true } : {}),
  },
};
