export const MARKER = 'ruled-marker-7b1f0c';
